"""The beginning of a run: one of an ingestion at a time, which the database itself holds to."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.conflicts import StateConflict, not_active, run_in_progress
from pipeline_checks.pipelines.ingestion.flow.metadata.database import WAKE_CHANNEL
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, Refresh, Run
from pipeline_checks.pipelines.ingestion.flow.running.leases import expire

RUNNABLE = ("draft", "active")


def held(session: Session, ingestion_id: str) -> Ingestion | None:
    """Return an ingestion, held until the end of the transaction so that its state stays; None when it is gone."""
    return session.scalars(
        sa.select(Ingestion).where(Ingestion.id == ingestion_id).with_for_update(key_share=True)
    ).one_or_none()


def refuse_while_busy(session: Session, ingestion_id: str, *, refresh_id: str | None = None) -> None:
    """Raise StateConflict while a run or another refresh of the ingestion goes on; a run that died does not count."""
    expire(session, ingestion_id)
    running = session.scalars(
        sa.select(Run.id).where(Run.ingestion_id == ingestion_id, Run.status == "running")
    ).first()
    if running is not None:
        raise run_in_progress(running)
    refreshing = session.scalars(
        sa.select(Refresh.id).where(Refresh.ingestion_id == ingestion_id, Refresh.status == "started")
    ).first()
    if refreshing is not None and refreshing != refresh_id:
        raise StateConflict(
            "REFRESH_IN_PROGRESS", f"refresh {refreshing} is in progress", help="Wait until it has ended."
        )


def begin_run(
    session: Session,
    ingestion: Ingestion,
    trigger: str,
    *,
    retry_of: str | None = None,
    refresh_id: str | None = None,
) -> str:
    """Make the row of a run and wake the workers when the transaction is kept; return its id.

    ``ingestion`` is one that is held. Raises StateConflict when it does not run, or is busy.
    """
    refuse_while_busy(session, ingestion.id, refresh_id=refresh_id)
    if ingestion.status not in RUNNABLE:
        raise not_active(ingestion.status)
    run = Run(
        id=str(uuid4()),
        ingestion_id=ingestion.id,
        started_at=session.execute(sa.select(sa.func.clock_timestamp())).scalar_one(),
        status="running",
        trigger=trigger,
        retry_of=retry_of,
        cluster_id=ingestion.cluster_id,
    )
    session.add(run)
    session.flush()
    session.execute(sa.select(sa.func.pg_notify(WAKE_CHANNEL, run.id)))
    return run.id
