"""What the ledger tells of a stage: its previous state for checks, the history of its numbers for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade
from pipeline_checks.model.previous import CountedRows, PreviousState
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.verification.ledger.tables import FACTS, MEASURES, RUNS, SCHEMAS, STAGES, VERDICTS

MOST_COUNTS: Final = 500
"""Counts of rows that a check is given at most."""


@dataclass(frozen=True)
class MeasureSummary:
    """One number of a stage over time. ``check`` is empty where it is of the stage itself."""

    check: str
    measure: str
    runs: int
    least: float
    greatest: float
    last: float
    last_at: datetime


@dataclass(frozen=True)
class MeasuredThen:
    """One number of a stage as one run found it, with the verdict of the check (of the stage: empty)."""

    run_id: str
    at: datetime
    check: str
    measure: str
    value: float
    verdict: str


def previous_state(connection: sa.Connection, pipeline: str, stage: str) -> PreviousState:
    """Return what earlier runs found of a stage."""
    known = (RUNS.c.pipeline == pipeline, STAGES.c.stage == stage)
    counted = sa.select(sa.func.count(), sa.func.max(RUNS.c.at)).join_from(RUNS, STAGES, _of_run(STAGES)).where(*known)
    runs, at = connection.execute(counted).one()
    if not runs:
        return PreviousState()
    return PreviousState(
        runs=runs,
        at=at,
        schema=_last_schema(connection, pipeline, stage),
        facts=_last_facts(connection, pipeline, stage),
        rows=_counts(connection, pipeline, stage),
    )


def _of_run(table: sa.Table) -> sa.ColumnElement[bool]:
    return RUNS.c.run_id == table.c.run_id


def _last_schema(connection: sa.Connection, pipeline: str, stage: str) -> Schema | None:
    found = connection.execute(
        sa.select(SCHEMAS.c.columns, SCHEMAS.c.enforces_nullability)
        .where(SCHEMAS.c.pipeline == pipeline, SCHEMAS.c.stage == stage)
        .order_by(SCHEMAS.c.at.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    fields = (SchemaField(c["name"], LogicalType.parse(c["type"]), c["nullable"], c["id"]) for c in found.columns)
    return Schema(tuple(fields), found.enforces_nullability)


def _last_facts(connection: sa.Connection, pipeline: str, stage: str) -> dict[str, Any]:
    newest = (
        sa.select(FACTS.c.topic, sa.func.max(FACTS.c.at).label("at"))
        .where(FACTS.c.pipeline == pipeline, FACTS.c.stage == stage)
        .group_by(FACTS.c.topic)
        .subquery()
    )
    same = (
        (FACTS.c.pipeline == pipeline)
        & (FACTS.c.stage == stage)
        & (FACTS.c.topic == newest.c.topic)
        & (FACTS.c.at == newest.c.at)
    )
    return {r.topic: r.value for r in connection.execute(sa.select(FACTS.c.topic, FACTS.c.value).join(newest, same))}


def _counts(connection: sa.Connection, pipeline: str, stage: str) -> tuple[CountedRows, ...]:
    """Exact counts of settled stages, oldest first, thinned evenly to ``MOST_COUNTS``; the newest is always there."""
    settled = (
        RUNS.c.pipeline == pipeline,
        STAGES.c.stage == stage,
        STAGES.c.rows.is_not(None),
        STAGES.c.rows_grade == str(Grade.EXACT),
        sa.or_(STAGES.c.covers_cut.is_(None), STAGES.c.covers_cut),
    )
    known = RUNS.join(STAGES, _of_run(STAGES))
    total = connection.execute(sa.select(sa.func.count()).select_from(known).where(*settled)).scalar_one()
    step = -(-total // MOST_COUNTS) or 1
    age = (sa.func.row_number().over(order_by=RUNS.c.at.desc()) - 1).label("age")
    numbered = sa.select(RUNS.c.at, STAGES.c.rows, age).select_from(known).where(*settled).subquery()
    chosen = sa.select(numbered.c.at, numbered.c.rows).where(numbered.c.age % step == 0).order_by(numbered.c.at)
    return tuple(CountedRows(r.at, r.rows) for r in connection.execute(chosen))


def newest_rows(connection: sa.Connection, pipeline: str, stages: Iterable[str]) -> dict[str, int]:
    """Return by stage how many rows the newest run found that looked at it; 0 where it could not tell.

    A stage that no run has looked at is not among them.
    """
    found = {}
    for stage in stages:
        newest = connection.execute(
            sa.select(STAGES.c.rows)
            .select_from(RUNS.join(STAGES, _of_run(STAGES)))
            .where(RUNS.c.pipeline == pipeline, STAGES.c.stage == stage, STAGES.c.problem == "")
            .order_by(RUNS.c.at.desc())
            .limit(1)
        ).one_or_none()
        if newest is not None:
            found[stage] = newest.rows or 0
    return found


def stages_told_of(connection: sa.Connection) -> list[tuple[str, str]]:
    """Return pipeline and name of every stage that the ledger tells of."""
    known = RUNS.join(STAGES, _of_run(STAGES))
    named = sa.select(RUNS.c.pipeline, STAGES.c.stage).select_from(known).distinct()
    named = named.order_by(RUNS.c.pipeline, STAGES.c.stage)
    return [(r.pipeline, r.stage) for r in connection.execute(named)]


def measures_of(connection: sa.Connection, pipeline: str, stage: str) -> list[MeasureSummary]:
    """Return every number that was measured of a stage, summed up over all runs."""
    of_stage = (RUNS.c.pipeline == pipeline, MEASURES.c.stage == stage)
    age = sa.func.row_number().over(partition_by=(MEASURES.c.check_kind, MEASURES.c.measure), order_by=RUNS.c.at.desc())
    known = RUNS.join(MEASURES, _of_run(MEASURES))
    numbered = sa.select(MEASURES, RUNS.c.at, age.label("age")).select_from(known).where(*of_stage).subquery()
    newest = sa.case((numbered.c.age == 1, numbered.c.value))
    found = connection.execute(
        sa.select(
            numbered.c.check_kind,
            numbered.c.measure,
            sa.func.count().label("runs"),
            sa.func.min(numbered.c.value).label("least"),
            sa.func.max(numbered.c.value).label("greatest"),
            sa.func.max(newest).label("last"),
            sa.func.max(numbered.c.at).label("last_at"),
        )
        .group_by(numbered.c.check_kind, numbered.c.measure)
        .order_by(numbered.c.check_kind, numbered.c.measure)
    )
    return [MeasureSummary(r.check_kind, r.measure, r.runs, r.least, r.greatest, r.last, r.last_at) for r in found]


def measured_then(
    connection: sa.Connection, pipeline: str, stage: str, measure: str, check: str | None, last: int
) -> Sequence[MeasuredThen]:
    """Return the newest ``last`` values of a number, oldest first; of one check only when it is given."""
    same = [MEASURES.c[name] == VERDICTS.c[name] for name in ("run_id", "stage", "check_kind")]
    wanted = [RUNS.c.pipeline == pipeline, MEASURES.c.stage == stage, MEASURES.c.measure == measure]
    if check is not None:
        wanted.append(MEASURES.c.check_kind == check)
    found = connection.execute(
        sa.select(MEASURES, RUNS.c.at, VERDICTS.c.verdict)
        .select_from(RUNS.join(MEASURES, _of_run(MEASURES)).outerjoin(VERDICTS, sa.and_(*same)))
        .where(*wanted)
        .order_by(RUNS.c.at.desc(), MEASURES.c.check_kind)
        .limit(last)
    )
    told = [MeasuredThen(r.run_id, r.at, r.check_kind, r.measure, r.value, r.verdict or "") for r in found]
    return told[::-1]
