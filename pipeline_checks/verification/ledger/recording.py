"""What of a run goes into the ledger: one transaction, one statement a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from pipeline_checks.model.result import RunResult, StageResult
from pipeline_checks.verification.ledger.column_types import plain
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.tables import (
    FACTS,
    FINDINGS,
    MEASURES,
    PROOFS,
    RUNS,
    SCHEMAS,
    STAGES,
    VERDICTS,
)

Facts = Mapping[tuple[str, str], Any]
"""What stages told of themselves, by the stage's name and the topic."""
Row = dict[str, Any]

WHOLE_STAGE = ""
"""The check under which numbers stand that are of the stage, such as its rows."""


def record(connection: sa.Connection, run: RunResult, facts: Facts, proofs: Sequence[Proof]) -> None:
    """Write a run with all that belongs to it."""
    of_run = {"run_id": run.run_id}
    about = {**of_run, "pipeline": run.pipeline, "at": run.started_at}
    cut = None if run.cut is None else run.cut.to_json()
    told = [{"stage": stage, "topic": topic, "value": value} for (stage, topic), value in facts.items()]
    _insert(connection, RUNS, about, [{"seconds": run.seconds, "verdict": str(run.verdict), "cut": cut}])
    _insert(connection, STAGES, of_run, (_stage(s) for s in run.stages))
    _insert(connection, VERDICTS, of_run, _verdicts(run))
    _insert(connection, FINDINGS, of_run, _findings(run))
    _insert(connection, MEASURES, of_run, _measures(run))
    _insert(connection, SCHEMAS, about, _new_schemas(connection, run))
    _insert(connection, FACTS, about, told)
    _insert(connection, PROOFS, about, (p.row() for p in proofs))


def _insert(connection: sa.Connection, table: sa.Table, about: Mapping[str, Any], rows: Iterable[Row]) -> None:
    if made := [{**about, **row} for row in rows]:
        connection.execute(sa.insert(table), made)


def _stage(stage: StageResult) -> Row:
    return {
        "stage": stage.name,
        "kind": stage.kind,
        "position": None if stage.position is None else stage.position.to_json(),
        "covers_cut": stage.covers_cut,
        "rows": None if stage.rows is None else stage.rows.value,
        "rows_grade": None if stage.rows is None else str(stage.rows.grade),
        "lag_seconds": stage.lag_seconds,
        "problem": stage.problem,
    }


def _verdicts(run: RunResult) -> Iterator[Row]:
    for check in run.checks:
        yield {
            "stage": check.stage,
            "check_kind": check.check,
            "verdict": str(check.verdict),
            "message": check.judgement.message,
            "looked_at": dict(check.judgement.looked_at),
            "findings_total": check.judgement.total,
            "seconds": check.seconds,
        }


def _findings(run: RunResult) -> Iterator[Row]:
    for check in run.checks:
        for ordinal, finding in enumerate(check.judgement.findings):
            yield {
                "stage": check.stage,
                "check_kind": check.check,
                "ordinal": ordinal,
                "kind": finding.kind,
                "blamed_stage": finding.stage,
                "detail": finding.detail,
                "finding": finding.to_json(),
            }


def _measures(run: RunResult) -> Iterator[Row]:
    for stage in run.stages:
        rows = None if stage.rows is None else stage.rows.value
        for name, value in (("rows", rows), ("lag_seconds", stage.lag_seconds)):
            if (number := as_number(value)) is not None:
                yield {"stage": stage.name, "check_kind": WHOLE_STAGE, "measure": name, "value": number}
    for check in run.checks:
        named = {plain(str(name)): value for name, value in check.judgement.measures.items()}
        for name, value in named.items():
            if (number := as_number(value)) is not None:
                yield {"stage": check.stage, "check_kind": check.check, "measure": name, "value": number}


def as_number(value: Any) -> float | None:
    """Return a measured value as a number, None when it is none or not a finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _new_schemas(connection: sa.Connection, run: RunResult) -> Iterator[Row]:
    """Schemas that are others than those that stand in the ledger."""
    found = {s.name: s.schema for s in run.stages if s.schema is not None}
    if not found:
        return
    known = last_schemas(connection, run.pipeline)
    for stage, schema in found.items():
        row = {"columns": schema.to_json(), "enforces_nullability": schema.enforces_nullability}
        if known.get(stage) != row:
            yield {"stage": stage, **row}


def last_schemas(connection: sa.Connection, pipeline: str) -> dict[str, Row]:
    """Return the newest schema of each stage of a pipeline."""
    newest = (
        sa.select(SCHEMAS.c.stage, sa.func.max(SCHEMAS.c.at).label("at"))
        .where(SCHEMAS.c.pipeline == pipeline)
        .group_by(SCHEMAS.c.stage)
        .subquery()
    )
    wanted = (SCHEMAS.c.pipeline == pipeline) & (SCHEMAS.c.stage == newest.c.stage) & (SCHEMAS.c.at == newest.c.at)
    found = connection.execute(sa.select(SCHEMAS).join(newest, wanted))
    return {r.stage: {"columns": r.columns, "enforces_nullability": r.enforces_nullability} for r in found}
