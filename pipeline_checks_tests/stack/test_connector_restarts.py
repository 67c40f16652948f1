"""A real connector that reads its snapshot again, or whose slot was made anew: what is told, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.own_connector import OwnConnector, own_connector

pytestmark = pytest.mark.stack

CONTRACT: dict[str, Any] = {
    "key": ["id"],
    "columns": {"id": {"type": "int32", "nullable": False}, "note": {"type": "string"}},
}
DDL = "CREATE TABLE notes (id int PRIMARY KEY, note text)"


@pytest.fixture
def captured(base_stack: RunningStack) -> Iterator[OwnConnector]:
    """A table of five rows whose changes a connector has read."""
    with own_connector("notes", DDL) as own:
        with connect(own.url) as database:
            database.execute("INSERT INTO notes SELECT g, 'first' FROM generate_series(1, 3) g")
            own.start()
            database.execute("INSERT INTO notes VALUES (4, 'first'), (5, 'first')")
            database.execute("UPDATE notes SET note = 'second' WHERE id = 4")
        yield own


def checked(own: OwnConnector) -> RunResult:
    pipeline = build_pipeline({"name": own.name, "stages": own.stages(**CONTRACT)})
    return run_checks(pipeline, options=Options(deadline=30))


def findings(result: RunResult) -> set[tuple[str, str, str, str | None]]:
    return {
        (c.check, f.kind, f.stage, f.detail or str((f.key or {}).get("id")))
        for c in result.checks
        for f in c.judgement.findings
    }


def assert_clean(result: RunResult) -> None:
    wrong = {
        (c.stage, c.check): c.judgement.message
        for c in result.checks
        if c.verdict not in (Verdict.PASS, Verdict.WARN) or c.judgement.findings
    }
    assert not wrong
    assert {(c.stage, c.check) for c in result.checks if c.verdict is Verdict.PASS} >= {
        ("topic", "counts"),
        ("topic", "reconcile"),
        ("connector", "continuity"),
    }


def test_rows_that_a_snapshot_reads_again_are_no_duplicates_and_what_it_skips_is_found(captured: OwnConnector) -> None:
    assert_clean(checked(captured))
    captured.remove()
    with connect(captured.url) as database:
        database.execute("UPDATE notes SET note = 'third' WHERE id = 2")
        database.execute("INSERT INTO notes VALUES (6, 'third')")
    captured.start(**{"snapshot.mode": "always"})
    with connect(captured.url) as database:
        database.execute("UPDATE notes SET note = 'fourth' WHERE id = 3")
    assert_clean(checked(captured))
    captured.remove()
    with connect(captured.url) as database:
        database.execute("DELETE FROM notes WHERE id = 1")
    # Behind such a snapshot Debezium goes on from there, not from where the slot has kept the log.
    captured.start(**{"snapshot.mode": "always"})
    assert findings(checked(captured)) == {("counts", "unexpected", "topic", "1")}


def test_what_was_deleted_while_the_slot_was_made_anew_is_found_though_a_new_snapshot_was_read(
    captured: OwnConnector,
) -> None:
    assert_clean(checked(captured))
    captured.remove()
    with connect(captured.url) as database:
        database.execute("SELECT pg_drop_replication_slot(%s)", (captured.name,))
        database.execute("INSERT INTO notes VALUES (7, 'unseen')")
        database.execute("UPDATE notes SET note = 'unseen' WHERE id = 5")
        database.execute("DELETE FROM notes WHERE id = 1")
    captured.start(**{"snapshot.mode": "when_needed"})
    with connect(captured.url) as database:
        database.execute("INSERT INTO notes VALUES (8, 'seen')")
    found = findings(checked(captured))
    assert ("continuity", "gap", "connector", "slot_recreated") in found
    assert {f for f in found if f[0] != "continuity"} == {("counts", "unexpected", "topic", "1")}
