"""The writer: each trade once, whatever happens to it on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import orjson
import polars as pl
import pytest
import uvicorn
from pyiceberg.table import Table

from pipeline_checks.clients.kafka import consumer, producer
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.market_data.flow import avro
from pipeline_checks.pipelines.market_data.flow.registering.schemas import Schemas
from pipeline_checks.pipelines.market_data.flow.registry import create_app as create_registry
from pipeline_checks.pipelines.market_data.flow.table.definition import catalog_of
from pipeline_checks.stack.ports import choose_ports
from pipeline_checks_tests.market_data.flow import Flow
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS, LocalExchange, exchange


@contextmanager
def fed(flow: Flow, count: int, *faults: dict[str, object], rate: float = 0.0) -> Iterator[LocalExchange]:
    """Fill the topic with ``count`` trades of each symbol."""
    with exchange(rate=rate) as local, flow.client(local) as client:
        local.plan(*faults)
        local.feed(count=count)
        if rate:
            yield local
        local.finished()
        client.has_published(local.ledger()["frames_sent"] - local.ledger()["bad_frames"])
        if not rate:
            yield local


def assert_holds(rows: pl.DataFrame, local: LocalExchange) -> None:
    """The table holds what the ledger says was sent, each trade once."""
    entries = [orjson.loads(line) for line in local.lines("/ledger/trades")]
    expected = {(e["s"], e["t"]): (e["p"], e["q"], e["T"] * 1000, e["m"]) for e in entries if e["times_sent"]}
    shown = rows.select(
        "symbol",
        "source_sequence",
        pl.col("price").cast(pl.String),
        pl.col("quantity").cast(pl.String),
        pl.col("timestamp").dt.timestamp("us"),
        pl.col("side") == "SELL",
    ).rows()
    found = {row[:2]: row[2:] for row in shown}
    assert rows.height == len(found)
    assert found == expected


def test_the_base_flow_is_complete_exact_and_says_what_it_covers(flow: Flow) -> None:
    with fed(flow, 1000, {"kind": "resend", "after": 1500, "count": 20}) as local, flow.writer() as writer:
        rows = flow.has_rows(3000)
        assert_holds(rows, local)
    assert (writer.records, writer.rows, writer.duplicates, writer.dead_letters) == (3020, 3000, 20, 0)
    assert rows["trade_id"].n_unique() == 1000 and rows["message_id"].n_unique() == 3000
    snapshots = flow.snapshots()
    said = snapshots[-1]
    assert sum(int(s["record_count"]) for s in snapshots) == 3020
    assert sum(int(s["duplicates_skipped"]) for s in snapshots) == 20
    covers = orjson.loads(said["covers"])[flow.kafka.trades_topic]
    assert sum(covers.values()) == 3020 and set(covers) == {"0", "1", "2"}
    assert {"topic", "first_offsets", "last_offsets", "dead_lettered"} <= set(said)
    assert committed(flow) == {int(p): o for p, o in covers.items()}


def committed(flow: Flow) -> dict[int, int]:
    """Return the offsets that the writer's group has committed."""
    from confluent_kafka import TopicPartition

    reader = consumer(flow.kafka.bootstrap_servers, group_id=flow.iceberg.table)
    try:
        found = reader.committed([TopicPartition(flow.kafka.trades_topic, p) for p in range(3)], timeout=10)
        return {p.partition: p.offset for p in found if p.offset >= 0}
    finally:
        reader.close()


def start_killed(flow: Flow, point: str) -> subprocess.Popen[bytes]:
    """Start a writer that kills itself."""
    environment = {
        **os.environ,
        **flow.environment(),
        "K2_CONSUMER_GROUP": flow.iceberg.table,
        "K2_CONSUMER_BATCH_SECONDS": "0.05",
        "K2_CONSUMER_COMMIT_SECONDS": "0",
        "K2_CONSUMER_SESSION_TIMEOUT_MS": "1000",
    }
    command = (sys.executable, "-m", "pipeline_checks_tests.market_data.killed_writer", point)
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def test_a_writer_killed_at_any_point_loses_nothing_and_doubles_nothing(make_flow: Callable[..., Flow]) -> None:
    points = ("before_write", "after_write", "after_commit")
    flows = {point: make_flow() for point in points}
    killed = {point: start_killed(flow, point) for point, flow in flows.items()}
    with ExitStack() as stack:
        local = {p: stack.enter_context(exchange()) for p in points}
        clients = {p: stack.enter_context(flows[p].client(local[p])) for p in points}
        for point in points:
            local[point].feed(count=100)
        for point, flow in flows.items():
            assert Deadline(30).wait_until(lambda: bool(flow.snapshots()))  # noqa: B023 - called at once
            local[point].feed(count=100)
            clients[point].has_published(600)
            assert killed[point].wait(30) == -signal.SIGKILL
            assert len(flow.snapshots()) == {"before_write": 1, "after_write": 2, "after_commit": 1}[point]
            with flow.writer():
                assert_holds(flow.has_rows(600), local[point])


def test_a_writer_killed_while_another_one_joins_loses_nothing(flow: Flow) -> None:
    killed = start_killed(flow, "in_rebalance")
    with exchange() as local, flow.client(local) as client:
        local.feed(count=100)
        assert Deadline(30).wait_until(lambda: bool(flow.snapshots()))
        with flow.writer():
            assert killed.wait(30) == -signal.SIGKILL
            local.feed(count=100)
            client.has_published(600)
            assert_holds(flow.has_rows(600), local)


def test_dead_letters_are_written_once_even_when_the_writer_is_killed_behind_them(flow: Flow) -> None:
    with fed(flow, 20) as local:
        put = producer(flow.kafka.bootstrap_servers)
        head = flow.records()[0].value()
        assert isinstance(head, bytes)
        for value in (b"not avro", head[:5] + b"\xff" * 9, b"\x00\x00\x0f\x42\x40" + head[5:], None, head + b"more"):
            put.produce(flow.kafka.trades_topic, value, b"BTCUSDT", partition=1)
        put.flush(10)
        process = start_killed(flow, "after_dead_letters")
        assert process.wait(30) == -signal.SIGKILL
        assert len(flow.letters()) == 5
        with flow.writer() as writer:
            assert_holds(flow.has_rows(60), local)
            assert Deadline(10).wait_until(lambda: writer.dead_letters == 5)
    letters = flow.letters()
    assert [letter["reason"] for letter in letters] == [
        "not_wire_format",
        "undecodable",
        "unknown_schema",
        "no_value",
        "undecodable",
    ]
    assert {(letter["stage"], letter["source_topic"], letter["key"]) for letter in letters} == {
        ("consumer", flow.kafka.trades_topic, b"BTCUSDT")
    }
    assert {letter["source_partition"] for letter in letters} == {"1"}
    assert letters[0]["value"] == b"not avro" and letters[3]["value"] is None


def test_a_dead_letter_that_kafka_refuses_ends_the_writer_and_covers_nothing(flow: Flow) -> None:
    with fed(flow, 20):
        put = producer(flow.kafka.bootstrap_servers)
        put.produce(flow.kafka.trades_topic, b"not avro" * 100, b"BTCUSDT", partition=1)
        put.flush(10)
    flow.refuse_dead_letters()
    with pytest.raises(TerminalError), flow.writer(batch_seconds=1.0) as writer:
        assert not Deadline(3).wait_until(lambda: writer.records >= 61)
    assert all("1" not in orjson.loads(s["last_offsets"]) for s in flow.snapshots())


@contextmanager
def registry_at(port: int, schemas: Schemas) -> Iterator[None]:
    """Run a registry on a port."""
    server = uvicorn.Server(uvicorn.Config(create_registry(schemas), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert Deadline(10).wait_until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


def test_while_the_registry_is_away_the_writer_waits_and_keeps_its_partitions(flow: Flow) -> None:
    schemas = Schemas(None)
    schemas.set_level("other", "NONE")
    wanted = flow_schema_id(flow)
    for schema_id in range(1, wanted + 1):  # so that it has the id there too
        other = f'{{"type": "fixed", "name": "n", "size": {schema_id}}}'
        schemas.register("other", avro.shipped_schema() if schema_id == wanted else other)
    port = choose_ports(["registry"], {})["registry"]
    away = Flow(flow.kafka.model_copy(update={"schema_registry_url": f"http://127.0.0.1:{port}"}), flow.iceberg)
    with fed(flow, 50) as local, away.writer() as writer:
        assert Deadline(10).wait_until(lambda: writer.health()["waiting"] == 150)
        assert not Deadline(1.0).wait_until(lambda: writer.rows > 0)
        assert flow.rows().height == 0 and writer.ready
        with registry_at(port, schemas):
            assert_holds(flow.has_rows(150), local)


def flow_schema_id(flow: Flow) -> int:
    """Return the id of the schema that a flow's records are written with."""
    return avro.registered_id(avro.registry(flow.kafka.schema_registry_url), flow.kafka.subject, avro.shipped_schema())


def test_two_writers_share_the_topic_and_one_may_go_in_the_middle(flow: Flow) -> None:
    with exchange() as local, flow.client(local) as client, flow.writer() as stays:
        with flow.writer() as goes:
            assert Deadline(20).wait_until(lambda: goes.ready and stays.ready)
            local.feed(count=300)
            client.has_published(900)
            assert Deadline(20).wait_until(lambda: goes.rows + stays.rows >= 900)
            assert goes.rows and stays.rows
            local.feed(count=300)
        client.has_published(1800)
        assert_holds(flow.has_rows(1800), local)
    assert stays.rows + goes.rows == 1800


def test_a_writer_that_is_asked_to_stop_writes_what_it_has_and_ends_within_five_seconds(flow: Flow) -> None:
    port = choose_ports(["writer"], {})["writer"]
    with fed(flow, 100) as local:
        environment = {**os.environ, **flow.environment(), "K2_CONSUMER_BATCH_SECONDS": "60"}
        environment |= {"K2_OBSERVABILITY_ENABLE_METRICS": "true", "K2_OBSERVABILITY_PROMETHEUS_PORT": str(port)}
        command = (sys.executable, "-m", "pipeline_checks.pipelines.market_data.flow.writer")
        command += ("--consumer-group", flow.iceberg.table, "--batch-size", "100000")
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        assert Deadline(20).wait_until(lambda: waiting(port) == 300)
        assert flow.rows().height == 0
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0 and time.monotonic() - began < 5
        assert_holds(flow.rows(), local)


def waiting(port: int) -> int:
    """Return how many records a writer has read and not written; 0 while it does not answer."""
    try:
        return int(httpx.get(f"http://127.0.0.1:{port}/health").json()["waiting"])
    except httpx.HTTPError:
        return 0


def test_a_field_that_is_added_with_a_default_becomes_a_column_and_older_rows_hold_null(flow: Flow) -> None:
    document = orjson.loads(avro.shipped_schema())
    document["fields"].append({"name": "venue", "type": ["null", "string"], "default": None})
    wider = orjson.dumps(document).decode()
    with exchange() as local:
        with flow.client(local) as client:
            local.feed(count=10)
            client.has_published(30)
        avro.register(avro.registry(flow.kafka.schema_registry_url), flow.kafka.subject, wider)
        with flow.client(local, schema=wider) as client, flow.writer():
            local.feed(count=10)
            client.has_published(30)
            rows = flow.has_rows(60)
        assert_holds(rows, local)
    assert rows["venue"].null_count() == 60


def test_trades_are_stored_in_the_order_of_symbol_and_time_by_day(flow: Flow) -> None:
    with fed(flow, 200), flow.writer():
        flow.has_rows(600)
    table: Table = catalog_of(flow.iceberg).load_table(flow.iceberg.table)
    assert [f.name for f in table.spec().fields] == ["timestamp_day"]
    for task in table.scan().plan_files():
        rows = pl.read_parquet(task.file.file_path.removeprefix("file://"))
        keys = rows.select("symbol", "timestamp", "source_sequence").rows()
        assert keys == sorted(keys) and {k[0] for k in keys} <= set(SYMBOLS)


@pytest.mark.soak
def test_twenty_random_kills(flow: Flow) -> None:
    """A writer is killed at twenty random moments while trades come in."""
    from random import Random

    random = Random(11)
    with fed(flow, 20_000, rate=1000) as local:
        for _ in range(20):
            environment = {**os.environ, **flow.environment(), "K2_CONSUMER_SESSION_TIMEOUT_MS": "2000"}
            environment |= {"K2_CONSUMER_BATCH_SECONDS": "0.2", "K2_CONSUMER_GROUP": flow.iceberg.table}
            command = (sys.executable, "-m", "pipeline_checks.pipelines.market_data.flow.writer")
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            Deadline(random.uniform(1.5, 4.5)).wait_until(lambda: None)
            process.kill()
            process.wait(10)
        with flow.writer():
            local.finished(120)
            assert_holds(flow.has_rows(60_000, 60), local)


@pytest.mark.soak
def test_twenty_clean_runs(make_flow: Callable[..., Flow]) -> None:
    """Twenty times a new topic and table, fed while they are written: complete, exact, nothing set aside."""
    for _ in range(20):
        flow = make_flow()
        with exchange(rate=1500) as local, flow.client(local) as client, flow.writer() as writer:
            local.feed(count=1000)
            client.has_published(3000)
            assert_holds(flow.has_rows(3000), local)
            assert (writer.duplicates, writer.dead_letters, client.publisher.rejected) == (0, 0, 0)
            assert client.publisher.tracker.events == {
                "OK": 3000,
                "GAP": 0,
                "DUPLICATE": 0,
                "OUT_OF_ORDER": 0,
                "RESET": 0,
            }
