"""Source, ledger and table that belong together pass; each thing that is wrong with them is told, exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.payload import BASE_FIELDS, record
from pipeline_checks_tests.ingestion.verified.ledger import NOW
from pipeline_checks_tests.ingestion.verified.loaded import Found, Loaded, found, of, verdicts

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

TABLE, META = "table", "metadata"
FOREIGN = (TABLE, "loads", "unexpected", "foreign_writer", None)


def rows(first: int, count: int) -> list[dict[str, object]]:
    return [record(number) for number in range(first, first + count)]


def test_what_belongs_together_passes_with_its_numbers(loaded: Loaded) -> None:
    loaded.usual(2, 10, evolved=1)
    result = loaded.check()
    assert (verdicts(result), found(result)) == ({}, set())
    content = of(result, TABLE, "content").judgement
    assert (content.measures["rows"], content.measures["records"]) == (30, 30)
    assert content.measures["digest"] == content.measures["source_digest"]
    assert of(result, TABLE, "evolution").judgement.measures["nulls"] == {"region": 20, "metadata": 20}
    assert of(result, TABLE, "loads").judgement.measures["loaded_files"] == 3
    sizes = of(result, META, "bytes").judgement.measures
    assert sizes["size"] == sizes["bytes_read"] > 0
    assert of(result, META, "latency").judgement.measures["hops"]["arrival_to_loaded"]["max_seconds"] < 60


def test_without_objects_and_runs_nothing_passes(loaded: Loaded) -> None:
    result = loaded.check()
    assert found(result) == set()
    assert {str(c.verdict) for c in result.checks if c.check != "latency"} == {"UNSETTLED"}
    assert str(of(result, META, "latency").verdict) == "WARN"


def test_an_ingestion_that_is_not_there_is_an_error(loaded: Loaded) -> None:
    loaded.usual(1)
    loaded.ledger.change("ingestions", name="another")
    result = loaded.check()
    assert {str(c.verdict) for c in result.checks if c.stage != "source"} == {"ERROR"}


def lose_rows(loaded: Loaded) -> Found:
    loaded.table.delete("id in (3, 4, 17)")
    lines = {(TABLE, "content", "missing", "lines", key) for key in ("batch_0.json 4 5", "batch_1.json 8 8")}
    return lines | {FOREIGN, (TABLE, "counts", "missing", "row_count", None)}


def repeat_rows(loaded: Loaded) -> Found:
    loaded.table.add(rows(5, 2), None)
    again = {(TABLE, "duplicates", "duplicate", "sink_rewrite", str(number)) for number in (5, 6)}
    lines = {(TABLE, "content", "duplicate", "lines", "batch_0.json 6 7")}
    return again | lines | {FOREIGN, (TABLE, "counts", "unexpected", "row_count", None)}


def load_again(loaded: Loaded) -> Found:
    file = next(o for o in loaded.store.list("landing", loaded.prefix))
    loaded.load(file, rows(0, 10))
    again = {(TABLE, "duplicates", "duplicate", "replayed", str(number)) for number in range(10)}
    twice = (TABLE, "loads", "duplicate", "replayed", "batch_0.json")
    lines = (TABLE, "content", "duplicate", "lines", "batch_0.json 1 10")
    return again | {twice, lines, (TABLE, "counts", "unexpected", "row_count", None)}


def change_value(loaded: Loaded) -> Found:
    loaded.table.delete("id = 12")
    loaded.table.add([{**record(12), "value": 126.4}], None)
    return {FOREIGN, (TABLE, "content", "changed", "values", "batch_1.json 3")}


def add_stranger(loaded: Loaded) -> Found:
    loaded.table.add(rows(900, 1), None)
    stranger = (TABLE, "content", "unexpected", "no_file", "900")
    return {stranger, FOREIGN, (TABLE, "counts", "unexpected", "row_count", None)}


def drop_field(loaded: Loaded) -> Found:
    loaded.table.drop_field("user_id")
    return {(TABLE, "evolution", "schema_drift", "dropped", "user_id")}


def add_field(loaded: Loaded) -> Found:
    loaded.table.widen("region")
    return {(TABLE, "evolution", "schema_drift", "added", "region")}


def lose_mark(loaded: Loaded) -> Found:
    file = next(o for o in loaded.store.list("landing", loaded.prefix))
    loaded.ledger.forget(file)
    unknown = (TABLE, "loads", "unexpected", "not_in_ledger", "batch_0.json")
    passed = (META, "discovery", "missing", "passed_over", "batch_0.json")
    return {unknown, passed, (TABLE, "counts", "unexpected", "row_count", None)}


def mark_what_was_not_loaded(loaded: Loaded) -> Found:
    file = loaded.put("batch_7.json", rows(70, 4))
    loaded.ledger.run({file: {"records_ingested": 4, "table_uuid": loaded.table.uuid}})
    return {
        (TABLE, "loads", "missing", "no_snapshot", "batch_7.json"),
        (TABLE, "content", "missing", "lines", "batch_7.json 1 4"),
        (TABLE, "counts", "missing", "row_count", None),
    }


def count_wrongly(loaded: Loaded) -> Found:
    loaded.ledger.change("processed_files", records_ingested=11)
    files = [("batch_0.json", "records", "unexpected"), ("batch_1.json", "records", "unexpected")]
    files += [("batch_0.json", "snapshot", "changed"), ("batch_1.json", "snapshot", "changed")]
    told = {(TABLE, "loads", kind, detail, name) for name, detail, kind in files}
    per_run = {(META, "run_totals", "changed", "file", f"batch_{n}.json") for n in range(2)}
    return told | per_run | {(TABLE, "counts", "missing", "row_count", None)}


def read_fewer_bytes(loaded: Loaded) -> Found:
    loaded.ledger.change("processed_files", bytes_read=1)
    files = {(META, "bytes", "changed", "bytes_read", f"batch_{n}.json") for n in range(2)}
    return files | {(META, "run_totals", "changed", "file", f"batch_{n}.json") for n in range(2)}


def claim_more(loaded: Loaded) -> Found:
    loaded.ledger.change("runs", records_ingested=99, status="partial")
    return {(META, "run_totals", "changed", name, "") for name in ("records_ingested", "status")}


def come_long_ago(loaded: Loaded) -> Found:
    """The objects were there before the run, which has passed one of them over."""
    loaded.put("batch_8.json", rows(80, 3))
    loaded.ledger.add("runs", **running(status="success", started_at=NOW + timedelta(minutes=5), ended_at=NOW))
    return {(META, "discovery", "missing", "passed_over", "batch_8.json")}


def die_while_running(loaded: Loaded) -> Found:
    loaded.ledger.add("runs", **running(lease_expires_at=NOW - timedelta(minutes=1)))
    return {(META, "leases", "stalled", "lease", "")}


def leave_half_done(loaded: Loaded) -> Found:
    loaded.put("batch_9.json", rows(90, 3))
    file = next(o for o in loaded.store.list("landing", loaded.prefix + "batch_9"))
    told = {"file_path": loaded.path(file), "file_etag": file.etag, "file_size_bytes": file.size}
    times = {"discovered_at": NOW, "last_seen_at": NOW, "created_at": NOW, "updated_at": NOW, "retry_count": 0}
    loaded.ledger.add("processed_files", **told, **times, status="PROCESSING", processing_started_at=NOW)
    return {(META, "leases", "stalled", "processing", "batch_9.json")}


def give_up_quietly(loaded: Loaded) -> Found:
    file = loaded.put("batch_6.json", rows(60, 3))
    loaded.ledger.run({file: {"status": "FAILED", "error_type": "WRITE_FAILED", "retry_count": 3, "bytes_read": 0}})
    loaded.ledger.change("runs", errors=None, error_count=0)
    unnamed = {(META, "run_totals", "missing", "error", "")}
    return unnamed | {(META, "leases", "missing", "unreported", "batch_6.json")}


def running(**more: object) -> dict[str, object]:
    counts = ("discovered", "skipped", "processed", "succeeded", "failed")
    numbers = {f"files_{name}": 0 for name in counts} | {"records_ingested": 0, "bytes_read": 0, "bytes_written": 0}
    base = {"started_at": datetime.now(UTC), "status": "running", "trigger": "manual"}
    return {**base, "error_count": 0, "cluster_id": "c", **numbers, **more}


USUAL = (
    *(lose_rows, load_again, change_value, drop_field, lose_mark, mark_what_was_not_loaded, die_while_running),
    give_up_quietly,
)
MORE = (
    *(repeat_rows, add_stranger, add_field, count_wrongly, read_fewer_bytes, claim_more, come_long_ago),
    leave_half_done,
)
"""Each of a sort of which another one is among the usual ones."""


@pytest.mark.parametrize(
    "damage", [*USUAL, *(pytest.param(d, marks=pytest.mark.soak) for d in MORE)], ids=lambda d: d.__name__
)
def test_each_damage_is_found_exactly(loaded: Loaded, damage: Callable[[Loaded], Found]) -> None:
    loaded.usual(2, 10)
    expected = damage(loaded)
    assert found(loaded.check()) == expected


def test_a_run_under_way_leaves_everything_unsettled(loaded: Loaded) -> None:
    loaded.usual(1)
    loaded.ledger.add("runs", **running(lease_expires_at=NOW + timedelta(hours=1)))
    result = loaded.check(deadline=0.2)
    assert found(result) == set()
    told = {str(c.verdict) for c in result.checks if c.stage != "source" and c.check != "latency"}
    assert told == {"UNSETTLED"}


def test_an_object_that_is_gone_or_another_is_no_finding_and_is_told(loaded: Loaded) -> None:
    first, second = loaded.usual(2, 10)
    loaded.store.remove("landing", first.key)
    # The run looked two seconds after it came; what comes now was not there for it.
    looked = second.modified + timedelta(seconds=2)
    rewritten = b'{"id": 10, "value": 0.5}'
    assert Deadline(30).wait_until(lambda: loaded.put("batch_1.json", rewritten).modified >= looked)
    result = loaded.check()
    assert found(result) == set()
    discovery = of(result, META, "discovery").judgement.measures
    assert (discovery["absent"], discovery["superseded"], discovery["new"]) == (1, 1, 1)
    assert {str(of(result, TABLE, check).verdict) for check in ("content", "evolution")} == {"WARN"}


def test_lines_that_are_no_records_and_files_that_failed_are_told(loaded: Loaded) -> None:
    loaded.table.create(BASE_FIELDS)
    good = loaded.put("batch_0.json", rows(0, 3))
    bad = loaded.put("batch_1.json", b'{"id": 3}\n\nnot json\n[1]\n{"id": 4, "value": 4')
    failure = {"status": "FAILED", "error_type": "MALFORMED_RECORD", "bytes_read": 0}
    loaded.ledger.run({good: loaded.load(good, rows(0, 3)), bad: failure})
    result = loaded.check()
    assert found(result) == set()
    manifest = of(result, "source", "manifest").judgement
    assert str(manifest.verdict) == "WARN"
    assert "3 lines are no records, the first is line 3" in manifest.message
    assert "MALFORMED_RECORD" in of(result, META, "discovery").judgement.message


def test_after_a_refresh_of_new_files_only_earlier_ones_are_not_missed(loaded: Loaded) -> None:
    loaded.usual(2, 10)
    loaded.ledger.change("processed_files", table_uuid="an earlier table", processed_at=NOW - timedelta(minutes=2))
    asked = {"mode": "new_only", "auto_run": True, "status": "completed", "requested_by": "u", "requested_at": NOW}
    done = '[{"operation": "table_dropped", "status": "success"}]'
    loaded.ledger.add("refreshes", **asked, operations=done, impact="{}")
    result = loaded.check()
    # The table that is there was not dropped: its rows are too many now, and none is missing.
    assert found(result) == {(TABLE, "counts", "unexpected", "row_count", None)}


def test_rows_of_another_ingestion_are_not_looked_at(loaded: Loaded) -> None:
    loaded.usual(1, 5)
    loaded.table.add_as(rows(500, 4), "ing_000000000000", "s3://landing/other/a.json", "e")
    result = loaded.check()
    assert (found(result), verdicts(result)) == (set(), {})
    assert of(result, TABLE, "loads").judgement.measures["rows_of_others"] == 4
