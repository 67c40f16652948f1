"""Says that a worker lives, from a thread of its own: loading one file may take longer than a lease."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from types import TracebackType

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.running.leases import LeaseLost, renew

_log = logging.getLogger(__name__)
_PER_LEASE = 4
"""Times a lease is renewed while it lasts, so that one answer that fails to come loses nothing."""


class Heartbeat:
    """Renews the lease of one run while the block lasts."""

    def __init__(self, database: Database, run_id: str, worker_id: str, lease_seconds: float) -> None:
        self._database = database
        self._run_id = run_id
        self._worker_id = worker_id
        self._lease = lease_seconds
        self._until = monotonic() + lease_seconds
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{run_id[:8]}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def require(self) -> None:
        """Raise LeaseLost when the run may be another's by now: also a paused process must see it before it writes."""
        if self._lost or monotonic() > self._until:
            raise LeaseLost(self._run_id)

    def _beat(self) -> None:
        while not self._over.wait(self._lease / _PER_LEASE):
            asked = monotonic()
            try:
                with self._database.session() as session:
                    if not renew(session, self._run_id, self._worker_id, self._lease):
                        self._lost = True
                        return
            except PipelineChecksError as problem:
                _log.warning("the lease of run %s could not be renewed: %s", self._run_id, problem)
                continue
            self._until = asked + self._lease
