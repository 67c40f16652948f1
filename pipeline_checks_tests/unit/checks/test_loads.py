"""Checks of files that a service loads: clean facts pass, each thing wrong is one finding, nothing proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.fields import FieldType, struct_of
from pipeline_checks.model.loading import (
    ContentDifference,
    FieldDifference,
    FileLoad,
    LoadedContent,
    LoadedFacts,
    LoadedTable,
    LoadFacts,
    LoadRun,
    Loads,
    RunFile,
    SchemaChange,
    SourceFile,
    TableLoad,
)
from pipeline_checks.model.measure import Coverage, Measured
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks_tests.unit.checks.cases import COVERED, NOW

PATH = "s3://landing/data/a.json"
LONG, TEXT = FieldType("long"), FieldType("string")
FILE = SourceFile(PATH, "e1", 100, NOW - timedelta(minutes=9), 5, "d")
LOAD = FileLoad(PATH, "e1", 100, "SUCCESS", "r1", FILE.modified, None, NOW, 5, bytes_read=100, table_uuid="u")
COUNTS = {"files_processed": 1, "files_succeeded": 1, "files_failed": 0, "records_ingested": 5, "bytes_read": 100}
RUN = LoadRun("r1", "success", "manual", NOW - timedelta(minutes=5), NOW, counts={**COUNTS, "error_count": 0})
LEDGER = Loads(
    "ing",
    NOW,
    (RUN,),
    (LOAD,),
    (RunFile("r1", PATH, "e1", "SUCCESS", 5, 100),),
    1,
    (SchemaChange(1, {"id": "bigint"}),),
)
TABLE = LoadedTable("u", 5, {"id": LONG}, (TableLoad(7, NOW, 5, True, "ing", "r1", PATH, "e1"),))
PREVIEW = {"files_to_process": 1, "estimated_bytes": 100}
FACTS = LoadFacts((FILE,), NOW, LEDGER, LEDGER, replace(LEDGER, preview=PREVIEW), TABLE)
NOTHING = Loads("ing", NOW, run_files=())
EMPTY = LoadFacts((), NOW, NOTHING, NOTHING, NOTHING, LoadedTable(None))
CONTENT = ContentDifference(5, 5, 1, fields=(FieldDifference("id", LONG, LONG, 0, 0, PATH),))


def declared(kind: str, **fields: Any) -> StageDeclaration:
    base: dict[str, Mapping[str, Any]] = {
        "load_ledger": {"connection": {"url": "postgresql://h/d"}, "ingestion": "events"},
        "load_api": {"url": "http://h", "ingestion": "events"},
        "iceberg_table": {
            "catalog": {"name": "c", "type": "hadoop", "warehouse": "s3a://lake"},
            "table": "a.b",
            "covers": {"files": {}},
        },
    }
    return declaration_class(kind).model_validate({"name": "st", "kind": kind, "from": "src", **base[kind], **fields})


STAGES = {
    "discovery": declared("load_ledger"),
    "bytes": declared("load_ledger"),
    "run_totals": declared("load_ledger"),
    "arrival": declared("load_ledger"),
    "leases": declared("load_ledger"),
    "loads": declared("iceberg_table"),
    "content": declared("iceberg_table"),
    "evolution": declared("iceberg_table"),
    "served_loads": declared("load_api"),
    "served_table": declared("load_api", view="table"),
}


def judged(kind: str, facts: LoadFacts = FACTS, content: ContentDifference = CONTENT) -> Judgement:
    found, stage = check(kind), STAGES[kind]
    assert found.applies_to(stage)
    values = {LoadedFacts(): Measured(facts), LoadedContent(): Measured(content), Coverage(): Measured(COVERED)}
    wanted = found.measures(stage, found.configure(stage))
    evidence = Evidence(stage, NOW, None, {m: v for m, v in values.items() if m in wanted or m == Coverage()})
    return found.judge(found.configure(stage), evidence)


def told(judgement: Judgement) -> set[tuple[str, str | None]]:
    return {(f.kind, f.detail) for f in judgement.findings}


def ledger(**changes: Any) -> LoadFacts:
    return replace(FACTS, ledger=replace(LEDGER, **changes))


def run(**changes: Any) -> LoadFacts:
    return ledger(runs=(replace(RUN, **changes),))


def load(**changes: Any) -> LoadFacts:
    return ledger(files=(replace(LOAD, **changes),))


def table(**changes: Any) -> LoadFacts:
    return replace(FACTS, table=replace(TABLE, **changes))


@pytest.mark.parametrize("kind", STAGES)
def test_clean_facts_pass(kind: str) -> None:
    judgement = judged(kind)
    assert (str(judgement.verdict), told(judgement)) == ("PASS", set())
    assert any(judgement.looked_at.values())


@pytest.mark.parametrize("kind", STAGES)
def test_no_files_and_no_runs_prove_nothing(kind: str) -> None:
    assert str(judged(kind, EMPTY, ContentDifference(0, 0, 0)).verdict) == "UNSETTLED"


NEW = replace(FILE, path="s3://landing/data/new.json", etag="e2", modified=NOW)
OLD = replace(NEW, modified=NOW - timedelta(hours=3))
FAILED = replace(LOAD, status="FAILED", error_type="WRITE_FAILED", retries=3, records=None)
STALE = timedelta(minutes=1)
DEAD = LoadRun("r2", "running", "manual", NOW - STALE * 2, lease_until=NOW - STALE)
AGAIN = replace(TABLE.loads[0], snapshot_id=8)
FOREIGN = TableLoad(9, NOW, 2, True)


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("discovery", ledger(files=(LOAD, replace(LOAD, status="FAILED"))), {("duplicate", "states")}),
        ("discovery", replace(FACTS, source=(FILE, OLD)), {("missing", "passed_over")}),
        ("discovery", replace(FACTS, source=(replace(FILE, size=99),)), {("changed", "size")}),
        ("bytes", load(bytes_read=99), {("changed", "bytes_read")}),
        ("bytes", load(bytes_read=None), {("changed", "bytes_read")}),
        ("run_totals", run(counts={**COUNTS, "records_ingested": 6}), {("changed", "records_ingested")}),
        ("run_totals", run(status="partial"), {("changed", "status")}),
        ("run_totals", run(ended_at=None), {("missing", "ended_at")}),
        ("run_totals", run(counts={**COUNTS, "error_count": 2}), {("changed", "error_count")}),
        ("run_totals", load(records=4), {("changed", "file")}),
        ("arrival", replace(FACTS, source=(FILE, OLD)), {("late", "arrival")}),
        ("leases", ledger(runs=(RUN, DEAD)), {("stalled", "lease")}),
        ("leases", load(status="PROCESSING"), {("stalled", "processing")}),
        ("leases", ledger(files=(FAILED,)), {("missing", "unreported")}),
        ("loads", load(records=6), {("unexpected", "records"), ("changed", "snapshot")}),
        ("loads", replace(FACTS, source=(replace(FILE, malformed_total=1),)), {("unexpected", "records")}),
        ("loads", table(loads=()), {("missing", "no_snapshot")}),
        ("loads", replace(FACTS, table=LoadedTable(None)), {("missing", "no_snapshot")}),
        ("loads", table(loads=(*TABLE.loads, AGAIN)), {("duplicate", "replayed")}),
        ("loads", table(loads=(*TABLE.loads, FOREIGN)), {("unexpected", "foreign_writer")}),
        ("loads", ledger(files=()), {("unexpected", "not_in_ledger")}),
        ("served_loads", replace(FACTS, served=replace(LEDGER, files=())), {("missing", "file")}),
        (
            "served_loads",
            replace(FACTS, served=replace(LEDGER, runs=(replace(RUN, status="failed"),))),
            {("changed", "run")},
        ),
        ("served_loads", replace(FACTS, served=replace(LEDGER, runs=(RUN, DEAD))), {("unexpected", "run")}),
        ("served_table", table(rows=4), {("missing", "rows")}),
        ("served_table", table(fields={"id": LONG, "note": TEXT}), {("schema_drift", "added")}),
        ("served_table", table(fields={}), {("schema_drift", "dropped")}),
        (
            "served_table",
            replace(FACTS, source=(FILE, NEW)),
            {("changed", "files_to_process"), ("changed", "estimated_bytes")},
        ),
    ],
)
def test_what_is_wrong_is_told(kind: str, facts: LoadFacts, expected: set[tuple[str, str]]) -> None:
    judgement = judged(kind, facts)
    assert told(judgement) == expected
    assert str(judgement.verdict) == "FAIL"


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("discovery", replace(FACTS, source=(FILE, NEW))),  # which the next run will see
        ("discovery", replace(FACTS, source=(FILE, OLD), ledger=replace(LEDGER, start=NOW))),  # which is not due
        ("arrival", replace(FACTS, source=(FILE, NEW))),
        ("arrival", replace(FACTS, source=(FILE, OLD), ledger=replace(LEDGER, start=NOW))),
        ("leases", ledger(runs=(RUN, replace(DEAD, lease_until=NOW + STALE)))),
        ("leases", ledger(files=(FAILED,), runs=(replace(RUN, errors=({"file": PATH, "error_type": "X"},)),))),
        ("loads", ledger(files=(replace(LOAD, table_uuid="before", processed_at=NOW - STALE),), refreshed_at=NOW)),
        ("loads", table(loads=(*TABLE.loads, replace(AGAIN, ingestion_id="another", path="s3://x/y")))),
        ("loads", table(loads=(*TABLE.loads, replace(AGAIN, is_live=False)))),
        ("loads", replace(FACTS, source=(replace(FILE, records=7, malformed_total=2),), ledger=replace(
            LEDGER, files=(replace(LOAD, quarantined=2),)))),
        ("served_loads", replace(FACTS, served=replace(LEDGER, files=()), later=replace(LEDGER, files=()))),
        ("served_loads", replace(FACTS, served=replace(LEDGER, runs=(), runs_since=NOW))),
    ],
)  # fmt: skip
def test_what_is_in_order_is_no_finding(kind: str, facts: LoadFacts) -> None:
    if kind == "loads" and facts.known.refreshed_at is not None:
        facts = replace(facts, table=LoadedTable(None))
    assert told(judged(kind, facts)) == set()


def test_a_failed_run_whose_files_changed_only_is_partial() -> None:
    failed = RunFile("r1", PATH, "e1", "FAILED", 0, 100, "FILE_CHANGED")
    counts = {**COUNTS, "files_succeeded": 0, "files_failed": 1, "records_ingested": 0, "error_count": 1}
    of_run = replace(RUN, status="partial", counts=counts, errors=({"file": PATH, "error_type": "FILE_CHANGED"},))
    facts = ledger(runs=(of_run,), run_files=(failed,), files=(replace(FAILED, bytes_read=100),))
    assert told(judged("run_totals", facts)) == set()
    assert told(
        judged("run_totals", replace(facts, ledger=replace(facts.known, runs=(replace(of_run, errors=()),))))
    ) == {
        ("missing", "error"),
        ("changed", "error_count"),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((FieldDifference("a", LONG, None),), {("schema_drift", "dropped")}),
        ((FieldDifference("a", None, TEXT),), {("schema_drift", "added")}),
        ((FieldDifference("a", FieldType("double"), LONG),), {("schema_drift", "retyped")}),
        ((FieldDifference("a", FieldType("mixed"), TEXT),), {("schema_drift", "mixed")}),
        ((FieldDifference("a", TEXT, TEXT, 3, 2),), {("null", "nulls")}),
        ((FieldDifference("a", LONG, FieldType("double"), 2, 2),), set()),
        ((FieldDifference("a", struct_of({"x": LONG}), struct_of({"x": LONG, "y": TEXT})),), set()),
    ],
)
def test_fields_that_differ_are_told(fields: tuple[FieldDifference, ...], expected: set[tuple[str, str]]) -> None:
    assert told(judged("evolution", content=replace(CONTENT, fields=fields))) == expected


def test_of_files_that_are_gone_nothing_is_known() -> None:
    content = replace(CONTENT, unread=(PATH,), fields=(FieldDifference("a", None, TEXT),))
    assert str(judged("content", content=content).verdict) == "WARN"
    assert (str(judged("evolution", content=content).verdict), told(judged("evolution", content=content))) == (
        "WARN",
        set(),
    )
