"""Earlier runs as the ledger kept them: read back as results, so that every form of report can be made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade, Measured
from pipeline_checks.model.position import Position, parse_lsn
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.verification.ledger.recording import WHOLE_STAGE
from pipeline_checks.verification.ledger.tables import FINDINGS, MEASURES, RUNS, SCHEMAS, STAGES, VERDICTS

_OF_A_FINDING = ("kind", "key", "stage", "position", "expected", "seen", "message", "detail")


@dataclass(frozen=True)
class ToldPosition(Position):
    """A position as an earlier run told it, ``{"kind": ..., "value": ...}``: it is shown, and compared with nothing."""

    told: Mapping[str, Any] = field(hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", str(self.told["kind"]))

    def covers(self, other: Position) -> bool | None:
        return None

    def value(self) -> Any:
        return self.told["value"]


def newest_runs(connection: sa.Connection) -> list[str]:
    """Return the newest run of every pipeline, by the pipelines' names."""
    age = sa.func.row_number().over(partition_by=RUNS.c.pipeline, order_by=(RUNS.c.at.desc(), RUNS.c.run_id))
    numbered = sa.select(RUNS.c.run_id, RUNS.c.pipeline, age.label("age")).subquery()
    newest = sa.select(numbered.c.run_id).where(numbered.c.age == 1).order_by(numbered.c.pipeline)
    return list(connection.execute(newest).scalars())


def stored_run(connection: sa.Connection, run: str) -> RunResult:
    """Return a run by its id, or by the beginning of it where only one begins so.

    Raises ConfigurationError when there is none, or several. What the ledger does not keep is not there: measures
    that are no numbers, and the messages of the run.
    """
    begun = RUNS.c.run_id.startswith(run, autoescape=True)
    found = connection.execute(sa.select(RUNS).where(begun).order_by(RUNS.c.at.desc()).limit(3)).all()
    found = [r for r in found if r.run_id == run] or list(found)
    if len(found) != 1:
        told = "several runs begin" if found else "no run begins"
        raise ConfigurationError(
            f"in the ledger {told} with {run!r}",
            next_step="`pipeline-checks history STAGE MEASURE` names the runs; leave it out for the last one.",
        )
    row = found[0]
    return RunResult(
        run_id=row.run_id,
        pipeline=row.pipeline,
        started_at=row.at,
        seconds=row.seconds,
        cut=_cut(row.cut),
        stages=_stages(connection, row),
        checks=_checks(connection, row.run_id),
    )


def _cut(told: Mapping[str, Any] | None) -> Cut | None:
    if told is None:
        return None
    snapshot = TransactionSnapshot.parse(told["snapshot"])
    return Cut(snapshot, parse_lsn(told["lsn"]), datetime.fromisoformat(told["taken_at"]))


def _position(told: Mapping[str, Any] | None) -> Position | None:
    return None if told is None else ToldPosition(told)


def _stages(connection: sa.Connection, run: sa.Row[Any]) -> tuple[StageResult, ...]:
    schemas = _schemas(connection, run)
    found = connection.execute(sa.select(STAGES).where(STAGES.c.run_id == run.run_id).order_by(STAGES.c.stage))
    return tuple(
        StageResult(
            name=row.stage,
            kind=row.kind,
            position=_position(row.position),
            covers_cut=row.covers_cut,
            rows=None if row.rows_grade is None else Measured(row.rows, Grade(row.rows_grade)),
            schema=schemas.get(row.stage),
            lag_seconds=row.lag_seconds,
            problem=row.problem,
        )
        for row in found
    )


def _schemas(connection: sa.Connection, run: sa.Row[Any]) -> dict[str, Schema]:
    """The schema of each stage as it was at the run: the newest that was written down until then."""
    known = connection.execute(
        sa.select(SCHEMAS).where(SCHEMAS.c.pipeline == run.pipeline, SCHEMAS.c.at <= run.at).order_by(SCHEMAS.c.at)
    )
    return {
        row.stage: Schema(
            tuple(SchemaField(c["name"], LogicalType.parse(c["type"]), c["nullable"], c["id"]) for c in row.columns),
            row.enforces_nullability,
        )
        for row in known
    }


def _checks(connection: sa.Connection, run_id: str) -> tuple[CheckResult, ...]:
    findings: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    of_run = sa.select(FINDINGS).where(FINDINGS.c.run_id == run_id)
    for row in connection.execute(of_run.order_by(FINDINGS.c.ordinal)):
        findings[row.stage, row.check_kind].append(_finding(row.finding))
    measures: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    of_checks = sa.select(MEASURES).where(MEASURES.c.run_id == run_id, MEASURES.c.check_kind != WHOLE_STAGE)
    for row in connection.execute(of_checks.order_by(MEASURES.c.measure)):
        measures[row.stage, row.check_kind][row.measure] = _number(row.value)
    told = connection.execute(sa.select(VERDICTS).where(VERDICTS.c.run_id == run_id).order_by(VERDICTS.c.stage))
    return tuple(_check(row, findings[row.stage, row.check_kind], measures[row.stage, row.check_kind]) for row in told)


def _check(row: sa.Row[Any], findings: Sequence[Finding], measures: Mapping[str, float]) -> CheckResult:
    judgement = Judgement(
        Verdict(row.verdict), row.message, dict(row.looked_at), dict(measures), tuple(findings), row.findings_total
    )
    return CheckResult(row.stage, row.check_kind, judgement, row.seconds)


def _finding(told: Mapping[str, Any]) -> Finding:
    return Finding(
        kind=told["kind"],
        stage=told["stage"],
        message=told["message"],
        key=told["key"],
        position=_position(told["position"]),
        detail=told.get("detail"),
        expected=told["expected"],
        seen=told["seen"],
        extra={name: value for name, value in told.items() if name not in _OF_A_FINDING},
    )


def _number(value: float) -> float:
    return int(value) if value == int(value) and abs(value) < 2**53 else value
