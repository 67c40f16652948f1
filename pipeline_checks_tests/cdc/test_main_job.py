"""The main job: every stage of every table exact at a common cut, from an empty source to verdicts."""

from __future__ import annotations

import pytest

from pipeline_checks_tests.cdc.commands import not_passed
from pipeline_checks_tests.cdc.conftest import MainJob

TABLES = ("customers", "orders", "products", "order_items", "inventory", "schema_evolution_test")


def _records(main_job: MainJob, table: str) -> int:
    """Records with a value that the topic must have: one a row and change, a key change is a delete and a create."""
    done = main_job.source["operations"].get(table, {})
    changed = done.get("update", 0) + 2 * done.get("key_change", 0)
    # Rows that are there now or were deleted were each inserted (or read by the snapshot) once.
    return int(main_job.source["counts"][table]) + done.get("delete", 0) * 2 + changed


def test_the_main_job_passes_with_every_check(main_job: MainJob) -> None:
    """How long events take is a matter of what else the machine does: only that warning may be given here."""
    warned = [c for c in main_job.document["checks"] if c["check"] == "latency" and c["verdict"] == "WARN"]
    assert [one for one in not_passed(main_job.document) if ".latency WARN: " not in one] == []
    assert main_job.command.code == 0, main_job.command.output + main_job.command.errors
    assert main_job.document["verdict"] == ("WARN" if warned else "PASS")
    assert len(main_job.document["checks"]) > 150


def test_every_stage_covers_the_cut_and_every_check_looked_at_something(main_job: MainJob) -> None:
    assert [s["name"] for s in main_job.document["stages"] if s["covers_cut"] is not True] == []
    empty = [
        f"{c['stage']}.{c['check']}"
        for c in main_job.document["checks"]
        if not any(c["looked_at"].values()) and c["stage"] != "delta_quarantine"
    ]
    assert empty == []


@pytest.mark.parametrize("table", TABLES)
def test_every_stage_of_a_table_holds_exactly_the_rows_that_were_written(main_job: MainJob, table: str) -> None:
    stages = {s["name"]: s["rows"] for s in main_job.document["stages"]}
    rows = main_job.source["counts"][table]
    assert rows >= 1000 - 50
    exact = {"value": rows, "grade": "exact"}
    for stage in (f"pg_{table}", f"delta_{table}", f"iceberg_{table}"):
        assert stages[stage] == exact, stage
    if f"api_{table}" in stages:
        assert stages[f"api_{table}"] == exact
    records = {"value": _records(main_job, table), "grade": "exact"}
    for stage in (f"topic_{table}", f"delta_{table}_changes", f"iceberg_{table}_changes"):
        assert stages[stage] == records, stage


def test_the_known_changes_were_all_made(main_job: MainJob) -> None:
    for table in TABLES:
        assert main_job.source["operations"][table]["update"] > 0
        assert main_job.source["operations"][table]["delete"] > 0
        assert main_job.source["operations"][table]["key_change"] > 0
    assert main_job.source["transactions"]["multi_table"] > 0


def test_the_cut_is_named(main_job: MainJob) -> None:
    cut = main_job.document["cut"]
    assert cut["kind"] == "postgres_snapshot"
    assert "/" in cut["lsn"]
    assert cut["snapshot"].count(":") == 2
