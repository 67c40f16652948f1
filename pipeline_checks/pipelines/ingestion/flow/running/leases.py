"""Who runs what: a worker claims a run, is heard of while it works, and is taken for dead when it is not.

The clock is the database's, which all workers share.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.metadata.tables import ProcessedFile, Run, RunFile
from pipeline_checks.pipelines.ingestion.flow.running.closing import LEASE_EXPIRED, close_run, error_entry

_NOW: Final = sa.func.clock_timestamp()
_TOLD: Final = "the worker was not heard of until its lease had expired"


class LeaseLost(Exception):
    """The run belongs to somebody else by now, or is over: nothing more may be written for it."""


def claim(session: Session, worker_id: str, lease_seconds: float) -> str | None:
    """Take the run that waits longest and return its id, None when none waits."""
    waiting = (
        sa.select(Run.id)
        .where(Run.status == "running", Run.worker_id.is_(None))
        .order_by(Run.started_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return session.scalars(
        sa.update(Run).where(Run.id == waiting).values(worker_id=worker_id, **_heard(lease_seconds)).returning(Run.id)
    ).one_or_none()


def renew(session: Session, run_id: str, worker_id: str, lease_seconds: float) -> bool:
    """Say that the worker lives; return whether the run is still its own."""
    renewed = session.execute(
        sa.update(Run).where(_owned(run_id, worker_id)).values(**_heard(lease_seconds)).returning(Run.id)
    )
    return renewed.first() is not None


def hold(session: Session, run_id: str, worker_id: str) -> Run:
    """Return the run, held until the end of the transaction; raises LeaseLost when it is not the worker's own."""
    run = session.scalars(
        sa.select(Run).where(_owned(run_id, worker_id)).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if run is None:
        raise LeaseLost(run_id)
    return run


def release(session: Session, run_id: str, worker_id: str) -> None:
    """Give a run back: another worker goes on with it."""
    session.execute(
        sa.update(Run).where(_owned(run_id, worker_id)).values(worker_id=None, heartbeat_at=None, lease_expires_at=None)
    )


def expire(session: Session, ingestion_id: str | None = None) -> list[str]:
    """Fail the runs whose lease has expired, with the files that were being processed; return their ids."""
    condition = [Run.status == "running", Run.lease_expires_at < _NOW]
    if ingestion_id is not None:
        condition.append(Run.ingestion_id == ingestion_id)
    dead = session.scalars(sa.select(Run).where(*condition).with_for_update(skip_locked=True)).all()
    for run in dead:
        now = session.execute(sa.select(_NOW)).scalar_one()
        failed = {"status": "FAILED", "error_type": LEASE_EXPIRED, "error_message": _TOLD}
        session.execute(
            sa.update(ProcessedFile)
            .where(ProcessedFile.run_id == run.id, ProcessedFile.status == "PROCESSING")
            .values(**failed, processed_at=now, updated_at=now)
        )
        session.execute(
            sa.update(RunFile)
            .where(RunFile.run_id == run.id, RunFile.status == "PROCESSING")
            .values(**failed, ended_at=now)
        )
        close_run(session, run, [error_entry("", LEASE_EXPIRED, f"{_TOLD}: {run.worker_id}", now.isoformat())])
    return [run.id for run in dead]


def _owned(run_id: str, worker_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(Run.id == run_id, Run.worker_id == worker_id, Run.status == "running")


def _heard(lease_seconds: float) -> dict[str, sa.ColumnElement[object]]:
    return {"heartbeat_at": _NOW, "lease_expires_at": _NOW + timedelta(seconds=lease_seconds)}
