"""Runs dbt whenever the raw tables hold a load that the marts do not, until told to stop."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.sales.flow.transforming.loads import newest_load
from pipeline_checks.pipelines.sales.flow.transforming.metrics import DbtMetrics
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run, covered_load, prepare_tables
from pipeline_checks.pipelines.sales.flow.transforming.transform import Transformation

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


@dataclass
class Watch:
    """Follows the loads of one warehouse.

    Parameters
    ----------
    poll_seconds:
        How often the loads are looked at.
    quiet_seconds, longest_wait_seconds:
        A run begins when nothing was loaded for the first, at the latest the second after the first new load: a file
        is loaded in several versions, and a run costs seconds whatever it finds.
    """

    transformation: Transformation
    metrics: DbtMetrics
    poll_seconds: float = 0.2
    quiet_seconds: float = 1.0
    longest_wait_seconds: float = 10.0
    stop: threading.Event = field(default_factory=threading.Event)
    _newest: int = 0
    _covered: int = 0
    _reached: bool = False
    _running: bool = False
    _last: Run | None = None
    _problem: str = ""

    def run(self) -> None:
        """Follow the loads until ``stop`` is set. What may pass is tried again; raises ConfigurationError."""
        pause = _FIRST_PAUSE
        while not self.stop.is_set():
            try:
                done = self.tick()
            except ConfigurationError:
                raise
            except PipelineChecksError as problem:
                self._reached, self._problem = False, str(problem)
                self.metrics.unreachable()
                _log.warning("tried again in %.0f s: %s", pause, problem)
                self.stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if done is not None and done.error is not None:
                _log.error("run %s did not come to its end; again in %.0f s: %s", done.run_id, pause, done.error)
                self.stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE

    def tick(self) -> Run | None:
        """Wait for a load that the marts do not hold, or a stop, and run dbt once; None when told to stop."""
        url, name = self.transformation.url, "sales_dbt_watch"
        with connect(url, application_name=name) as connection, translated("looking at the loads"):
            prepare_tables(connection)
            self._covered = covered_load(connection)
            self._reached = True
            self.transformation.dbt.parse()  # takes seconds the first time, while the first rows are on their way
            if not self._due(connection):
                return None
        self._running = True
        try:
            done = self.transformation.run(self.metrics.command)
        finally:
            self._running = False
        self._last, self._problem = done, done.error or ""
        if done.error is None:
            self._covered = done.loads.load_id
        self.metrics.count(done)
        self.metrics.loads(max(self._newest, self._covered), self._covered)
        _log.info(
            "run %s: %d models, %d tests, %d failed, loads up to %d, %.1f s",
            *(done.run_id, done.models, len(done.tests), done.failed_tests, done.loads.load_id, done.seconds),
        )
        return done

    def _due(self, connection: Any) -> bool:
        first_seen = last_new = 0.0
        while True:
            newest = newest_load(connection)
            self._reached = True
            now = monotonic()
            if newest > self._covered:
                if newest != self._newest or not first_seen:
                    last_new, first_seen = now, first_seen or now
                if now - last_new >= self.quiet_seconds or now - first_seen >= self.longest_wait_seconds:
                    self._newest = newest
                    return True
            self._newest = newest
            self.metrics.loads(newest, self._covered)
            if self.stop.wait(self.poll_seconds):
                return False

    def health(self) -> dict[str, Any]:
        """Return what /health answers: ready when the warehouse is reached; ``idle`` when the marts hold all loads."""
        last = self._last
        return {
            "ready": self._reached,
            "idle": self._reached and not self._running and self._newest <= self._covered,
            "running": self._running,
            "newest_load": self._newest,
            "covered_load": self._covered,
            "last_run": None
            if last is None
            else {
                "run_id": last.run_id,
                "built": last.built,
                "success": last.success,
                "failed_tests": last.failed_tests,
                "seconds": round(last.seconds, 3),
            },
            "message": self._problem,
        }
