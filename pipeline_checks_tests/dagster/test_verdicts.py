"""What verdicts and results become in Dagster."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade, Measured
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.model.result import CheckResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.orchestration import metadata
from pipeline_checks.orchestration.assets import data_version
from pipeline_checks.orchestration.verdicts import outcome_of

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.mark.parametrize(
    ("verdict", "blocking", "passed", "severity"),
    [
        (Verdict.PASS, False, True, ERROR),
        (Verdict.PASS, True, True, ERROR),
        (Verdict.WARN, False, False, WARN),
        (Verdict.WARN, True, False, ERROR),
        (Verdict.UNSETTLED, False, False, WARN),
        (Verdict.UNSETTLED, True, False, ERROR),
        (Verdict.FAIL, False, False, ERROR),
        (Verdict.FAIL, True, False, ERROR),
        (Verdict.ERROR, False, False, ERROR),
        (Verdict.ERROR, True, False, ERROR),
    ],
)
def test_a_verdict_says_to_dagster(
    verdict: Verdict, blocking: bool, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    outcome = outcome_of(verdict, blocking=blocking)
    assert (outcome.passed, outcome.severity) == (passed, severity)


STAGE = StageResult(
    name="lake",
    kind="delta_table",
    position=VersionPosition(7),
    covers_cut=True,
    rows=Measured(3, Grade.EXACT),
    schema=Schema((SchemaField("id", LogicalType.parse("int64"), False),)),
    lag_seconds=0.5,
    waited_seconds=1.25,
)


def test_a_settled_stage_has_stable_numeric_keys() -> None:
    found = metadata.of_stage(STAGE)
    assert {k: found[k] for k in ("verdict", "rows", "rows_grade", "lag_seconds", "waited_seconds")} == {
        "verdict": "SETTLED",
        "rows": 3,
        "rows_grade": "exact",
        "lag_seconds": 0.5,
        "waited_seconds": 1.25,
    }
    assert found["dagster/row_count"] == 3
    assert found["dagster/column_schema"].columns[0].name == "id"


def test_a_bound_is_not_given_out_as_a_row_count() -> None:
    found = metadata.of_stage(StageResult("t", "kafka_topic", None, None, rows=Measured(9, Grade.BOUND)))
    assert found["rows"] == 9
    assert "dagster/row_count" not in found


@pytest.mark.parametrize(
    ("covers", "problem", "word"),
    [(True, "", "SETTLED"), (False, "", "UNSETTLED"), (None, "", "UNSETTLED"), (None, "no such table", "ERROR")],
)
def test_how_settling_went_stands_in_the_metadata(covers: bool | None, problem: str, word: str) -> None:
    assert metadata.of_stage(StageResult("s", "k", None, covers, problem=problem))["verdict"] == word


def test_the_position_is_the_data_version_and_an_unknown_one_is_none() -> None:
    offsets = StageResult("t", "debezium_topic", OffsetsPosition.of({"a": {1: 5, 0: 3}}), True)
    version = data_version(offsets)
    assert version is not None
    assert version.value == '{"kind":"offsets","value":{"a":{"0":3,"1":5}}}'
    assert data_version(StageResult("t", "k", None, None)) is None


def check_result(findings: int, **measures: Any) -> CheckResult:
    listed = tuple(
        Finding("missing", "lake", f"key {i} is missing", key={"id": i}, expected="x" * 1000) for i in range(findings)
    )
    judgement = Judgement(Verdict.FAIL, "some are missing", {"rows": 3}, measures, listed, findings_total=findings)
    return CheckResult("lake", "counts", judgement, 0.25)


def test_samples_are_capped_and_cells_truncated() -> None:
    found = metadata.of_check(check_result(500), STAGE)
    records = found["findings"].records
    assert len(records) == metadata.SAMPLE_ROWS
    assert max(len(str(v)) for r in records for v in r.data.values()) <= metadata.CELL_CHARACTERS
    assert found["findings_total"] == 500
    assert len(found["json"].value["findings"]) == metadata.SAMPLE_ROWS


def test_a_check_carries_its_verdict_what_it_looked_at_and_its_json() -> None:
    found = metadata.of_check(check_result(1, p95_seconds=1.5, by_class={"replayed": 2}), STAGE)
    assert (found["verdict"], found["looked_at_rows"], found["p95_seconds"]) == ("FAIL", 3, 1.5)
    assert found["json"].value["verdict"] == "FAIL"
    assert found["by_class"].value == {"replayed": 2}
    assert found["position"].value == {"kind": "version", "value": 7}


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, float("nan"), "text", Decimal("1.50"), datetime(2026, 1, 2, tzinfo=UTC), b"bytes",
        {"a": Decimal(1), "b": {1, 2}}, [float("inf"), None], {1, 2}, (1, "x"),
    ],
    ids=repr,
)  # fmt: skip
def test_every_value_can_be_metadata(value: Any) -> None:
    dg.AssetCheckResult(passed=True, metadata={"value": metadata.plain(value)})


def test_numbers_of_numpy_become_plain_numbers() -> None:
    import numpy

    assert metadata.plain(numpy.int64(4)) == 4
    assert type(metadata.plain(numpy.float64(0.5))) is float
