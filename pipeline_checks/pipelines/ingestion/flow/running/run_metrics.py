"""What a worker counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Run

_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class RunMetrics:
    """Counters of one worker since it was started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Counter("ingestion_runs", "Runs that ended.", ("status", "trigger"), registry=self.registry)
        self._files = Counter("ingestion_files", "Files of runs.", ("status",), registry=self.registry)
        self._records = Counter("ingestion_records", "Rows that were loaded.", registry=self.registry)
        self._bytes = Counter("ingestion_bytes_read", "Bytes of files that were loaded.", registry=self.registry)
        self._seconds = Histogram(
            "ingestion_run_seconds", "Seconds of a run.", buckets=_SECONDS, registry=self.registry
        )
        self.expired = Counter("ingestion_leases_expired", "Runs whose worker died.", registry=self.registry)
        self.scheduled = Counter("ingestion_runs_scheduled", "Runs begun because due.", registry=self.registry)

    def ended(self, database: Database, run_id: str) -> None:
        """Count a run that ended."""
        with database.session() as session:
            run = session.get(Run, run_id)
        if run is None:
            return
        self._runs.labels(run.status, run.trigger).inc()
        self._files.labels("SUCCESS").inc(run.files_succeeded)
        self._files.labels("FAILED").inc(run.files_failed)
        self._records.inc(run.records_ingested)
        self._bytes.inc(run.bytes_read)
        self._seconds.observe(run.duration_seconds or 0.0)
