"""Runs for tests of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade, Measured
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict

BEGUN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def schema(**columns: str) -> Schema:
    fields = (SchemaField(n, LogicalType.parse(t), True, str(i)) for i, (n, t) in enumerate(columns.items()))
    return Schema(tuple(fields), enforces_nullability=False)


def stage(rows: int | None = 10, covers: bool | None = True, grade: Grade = Grade.EXACT, **fields: Any) -> StageResult:
    counted = None if rows is None else Measured(rows, grade)
    named: dict[str, Any] = {"name": "lake", "kind": "delta_table", "position": VersionPosition(3), **fields}
    return StageResult(covers_cut=covers, rows=counted, **named)


def check(verdict: Verdict = Verdict.PASS, **fields: Any) -> CheckResult:
    findings = (Finding("missing", "lake", "id 4 is missing", key={"id": 4}, expected=1, seen=0),)
    named: dict[str, Any] = {
        "message": "10 rows",
        "looked_at": {"rows": 10},
        "measures": {"rows": 10, "rows_grade": "exact", "share": 0.5, "is_it": True, "lost": float("nan")},
        "findings": findings if verdict is Verdict.FAIL else (),
        **fields,
    }
    return CheckResult("lake", named.pop("check", "counts"), Judgement(verdict, **named), 0.25)


def run(number: int = 0, *stages: StageResult, checks: tuple[CheckResult, ...] = (), **fields: Any) -> RunResult:
    """Return the run that began ``number`` hours after ``BEGUN``."""
    at = BEGUN + timedelta(hours=number)
    made = RunResult(f"run-{number}", "shop", at, 1.5, None, stages or (stage(),), checks or (check(),))
    return replace(made, **fields)
