"""Ingestions that are due: each gets one run, and the time of its next."""

from __future__ import annotations

import logging
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.conflicts import StateConflict
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.running.starting import begin_run
from pipeline_checks.pipelines.ingestion.flow.schedule import Schedule

_log = logging.getLogger(__name__)
SCHEDULED = "scheduled"


def schedule_of(row: Ingestion) -> Schedule:
    """Return when an ingestion runs by itself."""
    return Schedule(row.schedule_frequency, row.schedule_time, row.schedule_timezone, row.schedule_cron)


def plan_next(row: Ingestion, now: datetime) -> None:
    """Set when the ingestion is due next: never while it is not active."""
    row.next_run_time = schedule_of(row).next_after(now) if row.status == "active" else None


def start_due(database: Database, now: datetime) -> list[str]:
    """Begin a run of every active ingestion that is due at ``now`` and return their ids.

    What fell due several times while nobody looked gets one run. One whose last run is not over is left out this time:
    the next run finds its files.
    """
    with database.session() as session:
        due = session.scalars(
            sa.select(Ingestion.id).where(Ingestion.status == "active", Ingestion.next_run_time <= now)
        ).all()
    begun = []
    for ingestion_id in due:
        with database.session() as session:
            run_id = _start(session, ingestion_id, now)
        if run_id is not None:
            begun.append(run_id)
    return begun


def _start(session: Session, ingestion_id: str, now: datetime) -> str | None:
    # Another worker that looks at the same moment holds the row: then it is his.
    row = session.scalars(
        sa.select(Ingestion).where(Ingestion.id == ingestion_id).with_for_update(key_share=True, skip_locked=True)
    ).one_or_none()
    if row is None or row.status != "active" or row.next_run_time is None or row.next_run_time > now:
        return None
    plan_next(row, now)
    try:
        return begin_run(session, row, SCHEDULED)
    except StateConflict as conflict:
        _log.warning("%s is due and not begun: %s", ingestion_id, conflict.message)
        return None
