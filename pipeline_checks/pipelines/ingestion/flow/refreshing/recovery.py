"""Sees refreshes through that were begun by a process that died: their caller had confirmed them."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Refresh
from pipeline_checks.pipelines.ingestion.flow.refreshing.operations import lock, perform

_log = logging.getLogger(__name__)
_STARTED = "started"


def finish_abandoned(database: Database, engines: Engines) -> list[str]:
    """Take the steps that are left of refreshes that nobody carries out any more; return their ids."""
    with database.session() as session:
        started = session.scalars(sa.select(Refresh.id).where(Refresh.status == _STARTED)).all()
    finished = []
    for refresh_id in started:
        with lock(database, refresh_id) as abandoned:
            if abandoned and _still_started(database, refresh_id):
                _log.warning("refresh %s was left unfinished and is seen through", refresh_id)
                perform(database, engines, refresh_id)
                finished.append(refresh_id)
    return finished


def _still_started(database: Database, refresh_id: str) -> bool:
    with database.session() as session:
        refresh = session.get(Refresh, refresh_id)
        return refresh is not None and refresh.status == _STARTED
