"""The past of a pipeline as a report draws it: its newest runs, and the rows and the lag of its stages over them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from pipeline_checks.verification.ledger.proofs import Proof, last_proofs
from pipeline_checks.verification.ledger.recording import WHOLE_STAGE
from pipeline_checks.verification.ledger.tables import MEASURES, RUNS, VERDICTS


@dataclass(frozen=True)
class PastRun:
    """One run: its verdict, how many checks had which verdict, how many findings there were, and what it took."""

    run_id: str
    at: datetime
    seconds: float
    verdict: str
    checks: Mapping[str, int]
    findings: int


@dataclass(frozen=True)
class Past:
    """What a ledger tells of a pipeline.

    Parameters
    ----------
    runs:
        The newest runs, oldest first.
    series:
        Stage and measure of the stage itself (``rows``, ``lag_seconds``) to its values by run.
    proofs:
        The newest proof of every pair of stages.
    """

    runs: tuple[PastRun, ...] = ()
    series: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()


def past_of(connection: sa.Connection, pipeline: str, until: datetime, last: int) -> Past:
    """Return the ``last`` newest runs of a pipeline that began at ``until`` or before, with what they measured."""
    found = connection.execute(
        sa.select(RUNS)
        .where(RUNS.c.pipeline == pipeline, RUNS.c.at <= until)
        .order_by(RUNS.c.at.desc(), RUNS.c.run_id)
        .limit(last)
    ).all()[::-1]
    names = [run.run_id for run in found]
    checks, findings = _verdicts(connection, names)
    return Past(
        tuple(PastRun(r.run_id, r.at, r.seconds, r.verdict, dict(checks[r.run_id]), findings[r.run_id]) for r in found),
        _series(connection, names),
        tuple(last_proofs(connection, pipeline)),
    )


def _verdicts(connection: sa.Connection, runs: Sequence[str]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    checks: dict[str, Counter[str]] = defaultdict(Counter)
    findings: Counter[str] = Counter()
    told = connection.execute(
        sa.select(
            VERDICTS.c.run_id,
            VERDICTS.c.verdict,
            sa.func.count().label("checks"),
            sa.func.sum(VERDICTS.c.findings_total).label("findings"),
        )
        .where(VERDICTS.c.run_id.in_(runs))
        .group_by(VERDICTS.c.run_id, VERDICTS.c.verdict)
    )
    for row in told:
        checks[row.run_id][row.verdict] += row.checks
        findings[row.run_id] += int(row.findings)
    return checks, findings


def _series(connection: sa.Connection, runs: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    series: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    told = connection.execute(
        sa.select(MEASURES).where(MEASURES.c.run_id.in_(runs), MEASURES.c.check_kind == WHOLE_STAGE)
    )
    for row in told:
        series[row.stage, row.measure][row.run_id] = row.value
    return dict(series)
