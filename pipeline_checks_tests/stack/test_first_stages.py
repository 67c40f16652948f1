"""Pipelines that begin with a topic: the cut is where the topic ended when it was pinned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.stack.topics import brokers, produce, topic

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

CONTRACT = {"key": ["id"], "columns": {"id": "int64", "page": "string"}}
ROWS: list[dict[str, Any]] = [{"id": i, "page": f"/{i}"} for i in range(10)]


@pytest.fixture
def clicks() -> Iterator[str]:
    """A topic of ten records in two partitions."""
    with topic(2) as name:
        produce(name, [(row["id"] % 2, None, json.dumps(row).encode()) for row in ROWS])
        yield name


def checked(clicks: str, folder: Path, rows: list[dict[str, Any]], covers: dict[str, int]) -> RunResult:
    """Write a table that says what it covers of the topic, and check both."""
    said = CommitProperties(custom_metadata={"covers": json.dumps({clicks: covers})})
    schema = pa.schema([("id", pa.int64()), ("page", pa.string())])
    write_deltalake(folder / "lake", pa.Table.from_pylist(rows, schema), mode="overwrite", commit_properties=said)
    stages = [
        {"name": "clicks", "kind": "kafka_topic", "brokers": brokers(), "topic": clicks, "contract": CONTRACT},
        {
            "name": "lake",
            "kind": "delta_table",
            "from": "clicks",
            "path": str(folder / "lake"),
            "covers": {"commit_metadata": "covers"},
        },
    ]
    return run_checks(build_pipeline({"name": "clicks", "stages": stages}), options=Options(deadline=1.5))


def told(result: RunResult) -> dict[tuple[str, str], tuple[Verdict, str]]:
    return {(c.stage, c.check): (c.verdict, c.judgement.message) for c in result.checks}


def findings(result: RunResult) -> set[tuple[str, str, str]]:
    return {(f.kind, f.stage, repr(f.key)) for c in result.checks for f in c.judgement.findings}


def test_a_table_that_holds_what_the_topic_had_passes(clicks: str, tmp_path: Path) -> None:
    result = checked(clicks, tmp_path, ROWS, {"0": 5, "1": 5})
    verdicts = told(result)
    assert {verdicts["clicks", "counts"][0], verdicts["lake", "counts"][0]} == {Verdict.PASS}, verdicts
    assert verdicts["lake", "reconcile"][0] is Verdict.PASS, verdicts
    assert "10 rows of 2 columns compared with clicks" in verdicts["lake", "reconcile"][1]
    assert result.cut is None
    assert [s.covers_cut for s in result.stages] == [True, True]


def test_a_table_that_has_not_been_given_all_of_the_topic_is_unsettled(clicks: str, tmp_path: Path) -> None:
    verdicts = told(checked(clicks, tmp_path, [r for r in ROWS if r["id"] < 6], {"0": 3, "1": 3}))
    for check in ("counts", "reconcile"):
        verdict, message = verdicts["lake", check]
        assert verdict is Verdict.UNSETTLED, verdicts
        assert "4 of 10 events of the cut are not covered" in message
    assert verdicts["clicks", "counts"][0] is Verdict.PASS


def test_rows_that_were_lost_added_or_changed_behind_the_topic_are_told_with_their_keys(
    clicks: str, tmp_path: Path
) -> None:
    damaged = [{**r, "page": "/other"} if r["id"] == 4 else r for r in ROWS if r["id"] != 7]
    result = checked(clicks, tmp_path, [*damaged, {"id": 99, "page": "/99"}], {"0": 5, "1": 5})
    assert findings(result) == {
        ("missing", "lake", "{'id': 7}"),
        ("unexpected", "lake", "{'id': 99}"),
        ("changed", "lake", "{'id': 4}"),
    }
