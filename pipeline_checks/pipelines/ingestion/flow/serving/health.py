"""Whether the service and what it needs are there, asked each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client
from pipeline_checks.pipelines.ingestion.flow.jobs import default_store
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Run, Worker
from pipeline_checks.pipelines.ingestion.flow.serving.clusters import answers
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context
from pipeline_checks.pipelines.ingestion.flow.serving.responses import Health

_UP, _DOWN = "connected", "disconnected"
_SILENT: Final = timedelta(seconds=15)
"""A worker without a run says every five seconds that it is there."""


class HealthProbes:
    """Asks Postgres, the object store, Spark and the worker."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def look(self) -> Health:
        """Return what each answers: unhealthy when one of the three is down, degraded when only no worker is there."""
        database, scheduler = self._metadata()
        storage = _answers(lambda: self._store.list_buckets())
        clusters = self._context.settings.clusters.values()
        spark = bool(clusters) and all(answers(c) for c in clusters)
        up = database and storage and spark
        return Health(
            status="unhealthy" if not up else "healthy" if scheduler else "degraded",
            database=_UP if database else _DOWN,
            storage=_UP if storage else _DOWN,
            spark=_UP if spark else _DOWN,
            scheduler="running" if scheduler else "stopped",
        )

    @cached_property
    def _store(self) -> Any:
        return client(default_store(self._context.settings))

    def _metadata(self) -> tuple[bool, bool]:
        """Return whether Postgres answers, and whether a worker was heard of."""
        now = sa.func.clock_timestamp()
        waits = sa.select(Worker.id).where(Worker.heartbeat_at > now - _SILENT).exists()
        works = sa.select(Run.id).where(Run.status == "running", Run.lease_expires_at > now).exists()
        try:
            with self._context.database.session() as session:
                return True, bool(session.execute(sa.select(sa.or_(waits, works))).scalar_one())
        except PipelineChecksError:
            return False, False


def _answers(probe: Callable[[], Any]) -> bool:
    try:
        probe()
    except Exception:  # errors of boto3, and of its transport, share no root
        return False
    return True
