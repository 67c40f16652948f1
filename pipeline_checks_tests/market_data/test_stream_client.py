"""The stream client: what becomes of frames, and of a connection that fails in every way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.market_data.flow import avro
from pipeline_checks.pipelines.market_data.flow.receiving.receiver import GivenUp
from pipeline_checks_tests.market_data.flow import Flow
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS, exchange

BAD = {
    "not_json": "not_json",
    "no_price": "missing_field",
    "wrong_event": "wrong_event",
    "zero_quantity": "not_positive",
    "nine_decimals": "too_many_decimals",
    "eleven_digits": "too_many_digits",
    "unknown_quote": "unknown_quote",
}
"""Each kind of bad frame, and the reason of its dead letter."""


def identities(flow: Flow) -> Counter[tuple[str, int]]:
    """Return symbol and id of each record of the topic, with how often it is there."""
    decoder = avro.Decoder(avro.schema_by_id(avro.registry(flow.kafka.schema_registry_url)))
    found: Counter[tuple[str, int]] = Counter()
    for message in flow.records():
        value = message.value()
        assert isinstance(value, bytes)
        record = decoder.decode(value)[1]
        assert message.key() == record["symbol"].encode()
        found[(record["symbol"], record["source_sequence"])] += 1
    return found


def test_every_frame_is_a_record_or_a_dead_letter_with_its_reason(flow: Flow) -> None:
    with exchange() as local, flow.client(local) as client:
        local.plan(
            {"kind": "bad_frames", "after": 100, "frames": list(BAD)},
            {"kind": "resend", "after": 150, "count": 10},
            {"kind": "swap", "symbol": "BNBUSDT", "id": 70},
        )
        local.feed(count=100)
        client.has_published(310)
        bad = [orjson.loads(line) for line in local.lines("/ledger/bad_frames")]
        events = client.publisher.tracker.events
    letters = flow.letters()
    assert identities(flow).total() == 310 and len(identities(flow)) == 300
    assert [letter["reason"] for letter in letters] == list(BAD.values())
    assert {letter["stage"] for letter in letters} == {"client"}
    import base64

    assert [letter["value"] for letter in letters] == [base64.b64decode(b["raw_base64"]) for b in bad]
    assert (events["DUPLICATE"], events["OUT_OF_ORDER"], events["GAP"]) == (10, 1, 1)
    assert client.problem is None


@pytest.mark.parametrize("repair", [False, True])
def test_trades_made_while_away_are_a_gap_or_repaired(flow: Flow, repair: bool) -> None:
    with exchange() as local, flow.client(local, gap_repair=repair) as client:
        local.plan({"kind": "close", "after": 90, "away": 30}, {"kind": "resend", "when": "reconnect", "count": 10})
        local.feed(count=100)
        client.has_published(310 if repair else 280)
        gaps = client.publisher.tracker.gaps
        missing = {s: set(ids) for s, ids in local.ledger()["not_sent"].items()}
        repaired = client.publisher.repaired
        assert client.reconnects() == {"closed": 1}
    found = identities(flow)
    assert {s: ids for s in SYMBOLS if (ids := {g for gap in gaps if gap.symbol == s for g in gap.missing})} == (
        {} if repair else missing
    )
    assert (len(found), found.total(), repaired) == ((300, 310, 30) if repair else (270, 280, 0))
    headers = [dict(m.headers() or []) for m in flow.records()]
    assert sum(h.get("repaired") == b"true" for h in headers) == repaired
    if not repair:
        assert [g.severity for g in gaps] == ["warning"] * 3


def test_a_gap_above_ten_is_critical(flow: Flow) -> None:
    with exchange() as local, flow.client(local) as client:
        local.plan({"kind": "skip", "symbol": "ETHUSDT", "ids": list(range(40, 65))})
        local.feed(count=100)
        client.has_published(275)
        (gap,) = client.publisher.tracker.gaps
    assert (gap.symbol, gap.first, gap.last, gap.severity) == ("ETHUSDT", 40, 64, "critical")


@pytest.mark.parametrize(
    ("fault", "reason", "settings"),
    [
        ({"kind": "stall", "after": 90}, "stale", {"health_check_timeout": 0.3, "health_check_interval": 0.1}),
        ({"kind": "no_pong"}, "no_pong", {"ping_interval_seconds": 0.1, "ping_timeout_seconds": 0.2}),
        ({"kind": "close", "after": 90, "code": 1006}, "lost", {}),
        ({"kind": "close", "after": 90, "code": 1000}, "closed", {}),
        ({"kind": "lifetime", "seconds": 0.3}, "closed", {}),
        ({"kind": "shutdown", "after": 90, "seconds": 30}, "shutdown", {}),
    ],
)
def test_a_connection_that_fails_is_replaced_and_loses_no_trade(
    flow: Flow, fault: dict[str, object], reason: str, settings: dict[str, object]
) -> None:
    with exchange() as local, flow.client(local, **settings) as client:
        client.has_reconnected(0)
        local.plan(fault)
        local.feed(count=50)
        client.has_reconnected(1)
        local.feed(count=50)
        client.has_published(300)
        local.finished()
        assert reason in client.reconnects() and client.publisher.tracker.events["GAP"] == 0
        assert client.problem is None
    assert identities(flow).total() == len(identities(flow)) == 300


def test_an_old_connection_is_replaced_under_load_without_a_gap(flow: Flow) -> None:
    with exchange(rate=3000) as local, flow.client(local, connection_max_lifetime_hours=0.3 / 3600) as client:
        local.feed(count=1000)
        client.has_published(3000)
        events, reconnects = client.publisher.tracker.events, client.reconnects()
    assert reconnects["age"] >= 2 and set(reconnects) == {"age"}
    assert events["OK"] == 3000 and identities(flow).total() == 3000


def test_a_refused_connection_is_tried_elsewhere_in_the_order_given(flow: Flow) -> None:
    with exchange() as first, exchange() as second:
        first.plan({"kind": "refuse", "count": 1})
        second.plan({"kind": "refuse", "count": 1, "status": None})
        urls = [second.ws, "ws://127.0.0.1:9"]
        with flow.client(first, failover_urls=urls) as client:
            client.has_reconnected(0)
            assert client.receiver.state.url == first.ws
            assert client.reconnects() == {"refused": 3}


def test_a_client_that_cannot_connect_gives_up(flow: Flow) -> None:
    with exchange() as local, flow.client(local, max_reconnect_attempts=3, reconnect_delay=0.01) as client:
        client.has_reconnected(0)
        local.plan({"kind": "refuse", "count": 50}, {"kind": "close"})
        assert client.ended.wait(10)
    assert isinstance(client.problem, GivenUp)


def test_the_sequence_survives_a_restart(flow: Flow, tmp_path: Path) -> None:
    state = tmp_path / "sequence.json"
    with exchange() as local:
        with flow.client(local, state) as client:
            local.feed(count=50)
            client.has_published(150)
        assert orjson.loads(state.read_bytes())["BTCUSDT"][0] == 50
        local.plan({"kind": "skip", "symbol": "BTCUSDT", "ids": [51, 52]})
        with flow.client(local, state) as client:
            local.feed(count=50)
            client.has_published(148)
            (gap,) = client.publisher.tracker.gaps
    assert (gap.symbol, gap.missing) == ("BTCUSDT", [51, 52])


def test_a_schema_that_is_not_registered_stops_the_client_before_it_sends(flow: Flow) -> None:
    document = orjson.loads(avro.shipped_schema())
    document["fields"].append({"name": "venue", "type": "string"})
    with (
        exchange() as local,
        pytest.raises(ConfigurationError),
        flow.client(local, schema=orjson.dumps(document).decode()),
    ):
        pass
    assert flow.end() == 0


def run_client(flow: Flow, **variables: str) -> subprocess.Popen[str]:
    """Start the client as a program of its own."""
    environment = {**os.environ, **flow.environment(), "K2_BINANCE_RECONNECT_DELAY": "0.01", **variables}
    environment = {"K2_BINANCE_ENABLED": "true", **environment}
    command = (sys.executable, "-m", "pipeline_checks.pipelines.market_data.flow.stream")
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_the_program_ends_by_itself_when_it_cannot_go_on_and_cleanly_when_it_is_asked_to(flow: Flow) -> None:
    with exchange() as local:
        stopped = run_client(flow, K2_BINANCE_WEBSOCKET_URL=local.ws, K2_BINANCE_SYMBOLS='["BTCUSDT"]')
        hopeless = run_client(flow, K2_BINANCE_WEBSOCKET_URL="ws://127.0.0.1:9", K2_BINANCE_MAX_RECONNECT_ATTEMPTS="2")
        mistyped = run_client(flow, K2_BINANCE_SYMBOL='["BTCUSDT"]')
        assert Deadline(20).wait_until(lambda: local.get("/health")["connections"] == 1)
        stopped.send_signal(signal.SIGTERM)
        codes = [p.wait(20) for p in (stopped, hopeless, mistyped)]
        said = mistyped.communicate()[1]
    assert codes == [0, 1, 2]
    assert "K2_BINANCE_SYMBOL," in said and "nothing reads" in said


def test_a_client_that_is_killed_loses_no_trade_when_gaps_are_repaired(flow: Flow, tmp_path: Path) -> None:
    with exchange(rate=400) as local:
        variables = {
            "K2_BINANCE_WEBSOCKET_URL": local.ws,
            "K2_BINANCE_REST_URL": local.http,
            "K2_BINANCE_GAP_REPAIR": "true",
            "K2_BINANCE_SYMBOLS": orjson.dumps(SYMBOLS).decode(),
            "K2_BINANCE_STATE_FILE": str(tmp_path / "sequence.json"),
        }
        killed = run_client(flow, **variables)
        local.feed(count=300)
        assert Deadline(20).wait_until(lambda: local.ledger()["position"] > 450, every=0.01)
        killed.kill()
        killed.communicate(timeout=10)
        following = run_client(flow, **variables)
        local.finished()
        done = lambda: len(identities(flow)) == 900  # noqa: E731
        assert Deadline(20).wait_until(done, every=0.2)
        following.send_signal(signal.SIGTERM)
        following.communicate(timeout=20)
    assert following.returncode == 0


def test_a_dead_letter_that_kafka_refuses_ends_the_client(flow: Flow) -> None:
    flow.refuse_dead_letters()
    with exchange() as local, flow.client(local) as client:
        local.plan({"kind": "bad_frames", "after": 30, "frames": ["no_price"]})
        local.feed(count=20)
        assert client.ended.wait(10)
        client.publisher.close = lambda seconds: None  # type: ignore[method-assign] - it would raise the same again
    assert isinstance(client.problem, TerminalError)
