"""The ETL: each message in one table, with the values and the reasons that a second implementation gives."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from pipeline_checks.clients.kafka import producer
from pipeline_checks.pipelines.sales.flow.tables import DELTA, EVENTS_SILVER, LINE_FIELDS
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.catalogue import products, write_reference
from pipeline_checks.pipelines.sales.seed.edges import write_edge_files
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, generate
from pipeline_checks_tests.sales.flow import expected
from pipeline_checks_tests.sales.flow.live import LiveEtl
from pipeline_checks_tests.sales.flow.place import Place, expected_fates


@pytest.fixture(scope="module")
def etl(make_place: Callable[[], Place]) -> Iterator[LiveEtl]:
    """An ETL that all tests of the module send to, each under names of its own."""
    live = LiveEtl(make_place())
    yield live.ready()
    live.kill()


def parsed(path: Path) -> list[dict[str, str | None]]:
    """Return the lines of a sound file by heading."""
    text = path.read_bytes().decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{h: v or None for h, v in row.items()} for row in rows]


def sent(etl: LiveEtl, path: Path, rows: int, *, seed: int = 1, error: float = 0.1, first: int = 1) -> Path:
    config = DataGenerationConfig(
        rows, seed, error_rate=error, duplicate_rate=error / 2, null_rate=0.03, first_order=first
    )
    made = generate(config)
    csv_file.write(path, csv_file.encoded(made.rows), made.truth.document)
    etl.place.send(path)
    return path


def compare_with_second_implementation(place: Place, path: Path) -> None:
    """Set every cell of the lines of a file against the second implementation, and every rejection against truth."""
    truth, rows = csv_file.read_truth(path), parsed(path)
    silver = {r["source_row_number"]: r for r in place.rows("sales_silver").to_dicts() if r["source_file"] == path.name}
    told = {r["row"]: r for r in truth["records"]}
    assert sorted(silver) == [n for n in range(1, len(rows) + 1) if n not in told]
    for number, found in silver.items():
        wanted = expected.silver(rows[number - 1], number, path.name)
        assert {n: found[n] for n in wanted} == wanted
        assert None not in [found[n] for n in ("run_id", "batch_id", "ingestion_timestamp", "processing_timestamp")]
    quarantine = [r for r in place.rows("sales_quarantine").to_dicts() if r["source_file"] == path.name]
    assert sorted(r["source_row_number"] for r in quarantine) == sorted(told)
    for found in quarantine:
        record = told[found["source_row_number"]]
        assert (found["rejection_reason"], found["rejected_column"]) == (record["reason"], record["column"])
        if record["fate"] == "rejected":
            assert found["rejected_value"] == (record["value"] or None)
            raw = rows[record["row"] - 1]
            assert [found[n] for n in LINE_FIELDS] == list(raw.values())
            assert orjson.loads(found["raw_record"])["source_row_number"] == record["row"]


def test_lines_have_the_values_and_the_fates_of_the_second_implementation(etl: LiveEtl) -> None:
    path = sent(etl, etl.place.folder / "a_quality.csv", 300)
    etl.settled()
    compare_with_second_implementation(etl.place, path)


def test_lines_at_every_border_and_for_every_reason(etl: LiveEtl) -> None:
    paths = write_edge_files(etl.place.folder, DataGenerationConfig(1))
    paths = [p for p in paths if csv_file.read_truth(p)["outcome"] == "sent"]
    for path in paths:
        etl.place.send(path)
    etl.settled()
    for path in paths:
        compare_with_second_implementation(etl.place, path)


def test_lines_of_a_later_file_with_smaller_numbers_and_a_file_sent_twice_change_nothing_of_the_first(
    etl: LiveEtl,
) -> None:
    place, folder = etl.place, etl.place.folder
    path = sent(etl, folder / "b_first.csv", 40, error=0, first=50_000)
    copy = folder / "c_copy.csv"
    csv_file.write(copy, path.read_bytes(), csv_file.read_truth(path))
    place.send(copy)
    place.send(path, "--checkpoint", str(folder / "again.json"))
    etl.settled()
    lines = len(parsed(path))
    wanted = Counter({(path.name, n, "silver"): 1 for n in range(1, lines + 1)})
    wanted.update({(path.name, n, "duplicate"): 1 for n in range(1, lines + 1)})
    wanted.update({(copy.name, n, "duplicate"): 1 for n in range(1, lines + 1)})
    assert Counter({f: n for f, n in place.fates().items() if f[0] in (path.name, copy.name)}) == wanted


BROKEN = (
    (b'{"order_id": }', "malformed_record", None),
    (b'{"order_id": "A" "product_id": "P"}', "malformed_record", None),
    (b"[1, 2]", "malformed_record", None),
    (b"", "malformed_record", None),
    (b"\xff\xfe{}", "malformed_record", None),
    (b'{"order_id": "A"}', "missing_column", "row_id"),
)


def test_messages_that_are_no_lines_are_set_aside_with_their_place_and_text(etl: LiveEtl) -> None:
    place, sender = etl.place, producer(etl.place.bootstrap)
    whole = {**dict.fromkeys(LINE_FIELDS, "1"), "order_date": "11/01/2026", "ship_date": "11/02/2026"}
    without = {n: v for n, v in whole.items() if n != "quantity"}
    nul = {**whole, "order_id": "NUL", "city": "a\x00b"}
    cases = (
        *BROKEN,
        (orjson.dumps(without), "missing_column", "quantity"),
        (orjson.dumps(nul), "malformed_record", None),
    )
    before = place.ends()["1"]
    for value, _, _ in cases:
        sender.produce(place.lines, value=value, partition=1)
    sender.flush(30)
    etl.settled()
    found = place.rows("sales_quarantine").to_dicts()
    at = {r["source_offset"]: r for r in found if r["source_partition"] == 1}
    for offset, (value, reason, column) in enumerate(cases, before):
        row = at[offset]
        assert (row["rejection_reason"], row["rejected_column"]) == (reason, column), value
        assert row["raw_record"] == value.decode(errors="replace") or reason == "malformed_record"


def test_events_have_the_values_of_the_second_implementation_and_the_fates_of_their_truth(etl: LiveEtl) -> None:
    place = etl.place
    config = DataGenerationConfig(1)
    write_reference(place.folder, products(50, config.last_day), 10)
    truth = place.folder / "events.truth.json"
    rates = ("--missing-rate", "0.1", "--duplicate-rate", "0.05", "--invalid-rate", "0.06")
    options = ("--brokers", place.bootstrap, "--topic", place.events, "--reference", str(place.folder))
    done = place.run("producer", "--events", "200", *rates, "--truth", str(truth), *options)
    assert done.returncode == 0, done.stderr
    etl.settled()
    told = {r["number"]: r["reason"] for r in orjson.loads(truth.read_bytes())["records"]}
    bodies: dict[tuple[int, int], tuple[int, dict[str, Any]]] = {}
    for message in place.messages(place.events):
        headers = dict(message.headers() or ())
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None
        number = int(headers["source_row_number"])
        bodies[partition, offset] = (number, orjson.loads(message.value() or b""))
    silver = place.rows("events_silver").to_dicts()
    for row in silver:
        number, body = bodies.pop((row["source_partition"], row["source_offset"]))
        wanted = expected.event(body)
        assert number not in told and {n: row[n] for n in wanted} == wanted
        assert set(row) == {c.name for c in EVENTS_SILVER}
    quarantine = place.rows("events_quarantine").to_dicts()
    found = {bodies.pop((r["source_partition"], r["source_offset"]))[0]: r["rejection_reason"] for r in quarantine}
    assert not bodies and found == told


def test_what_the_program_tells_of_itself(etl: LiveEtl) -> None:
    health = httpx.get(f"http://127.0.0.1:{etl.port}/health").json()
    assert health["ready"] and health["batches"] > 0
    last = httpx.get(f"http://127.0.0.1:{etl.port}/batches").json()["batches"][-1]
    assert last["records_processed"] == last["rows_added"] + last["records_rejected"]
    assert "sales_etl_records_total" in httpx.get(f"http://127.0.0.1:{etl.port}/metrics").text


def test_the_ledger_holds_over_all_that_was_sent(etl: LiveEtl) -> None:
    place = etl.place
    for topic, tables in ((place.lines, ("sales_silver", "sales_quarantine")), (place.events, tuple(DELTA)[2:])):
        places = [row for t in tables for row in place.rows(t).select("source_partition", "source_offset").iter_rows()]
        messages = [(m.partition(), m.offset()) for m in place.messages(topic)]
        assert sorted(places) == sorted(messages)  # type: ignore[type-var]


def test_fates_of_the_first_file_are_still_those_of_its_truth(etl: LiveEtl) -> None:
    path = etl.place.folder / "a_quality.csv"
    found = Counter({f: n for f, n in etl.place.fates().items() if f[0] == path.name})
    assert found == expected_fates(path, csv_file.read_truth(path))
