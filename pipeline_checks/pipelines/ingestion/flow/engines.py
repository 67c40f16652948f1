"""Engines that are open: one is used by one thread at a time, and kept for the next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.jobs import default_store
from pipeline_checks.pipelines.ingestion.flow.settings import Settings

_PATIENCE_SECONDS = 30.0


class Engines:
    """The engines of every cluster: at most ``spark_session_pool_size`` at once, closed when idle for too long."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: dict[str, list[tuple[float, Engine]]] = {}
        self._slots = {name: threading.Semaphore(settings.spark_session_pool_size) for name in settings.clusters}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, cluster_id: str) -> Iterator[Engine]:
        """Lend an engine of a cluster; after an error of the cluster it is not used again.

        Raises EngineError ``CLUSTER_UNAVAILABLE`` when the cluster is not known, or all of its engines stay in use.
        """
        slots = self._slots.get(cluster_id)
        if slots is None:
            raise _unavailable(f"cluster {cluster_id} is not one of the settings", "Add it to INGESTION_CLUSTERS.")
        if not slots.acquire(timeout=_PATIENCE_SECONDS):
            raise _unavailable(f"all sessions of cluster {cluster_id} are in use", "Try again later.")
        try:
            engine = self._take(cluster_id)
            try:
                yield engine
            except EngineError as problem:
                if problem.error_type == "CLUSTER_UNAVAILABLE":
                    engine.close()
                else:
                    self._give_back(cluster_id, engine)
                raise
            except BaseException:
                engine.close()
                raise
            self._give_back(cluster_id, engine)
        finally:
            slots.release()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle = [engine for engines in self._idle.values() for _, engine in engines]
            self._idle.clear()
        for engine in idle:
            engine.close()

    def _take(self, cluster_id: str) -> Engine:
        oldest = monotonic() - self._settings.spark_session_idle_timeout
        with self._lock:
            engines = self._idle.get(cluster_id, [])
            stale = [engine for since, engine in engines if since < oldest]
            fresh = [(since, engine) for since, engine in engines if since >= oldest]
            found = fresh.pop()[1] if fresh else None
            self._idle[cluster_id] = fresh
        for engine in stale:
            engine.close()
        cluster = self._settings.clusters[cluster_id]
        return found or Engine(cluster.spark_connect_url, default_store(self._settings), cluster.warehouses)

    def _give_back(self, cluster_id: str, engine: Engine) -> None:
        with self._lock:
            self._idle.setdefault(cluster_id, []).append((monotonic(), engine))


def _unavailable(message: str, next_step: str) -> EngineError:
    return EngineError("CLUSTER_UNAVAILABLE", f"{message}.", next_step=next_step)
