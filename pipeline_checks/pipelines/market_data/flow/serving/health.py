"""Whether what the API depends on answers, and how fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pipeline_checks.pipelines.market_data.flow.serving.errors import instant

_KEPT: Final = 1.0
_SLOW_MS: Final = {"duckdb": 1000.0, "iceberg": 5000.0}
Probe = Callable[[], None]


class Health:
    """Asks the dependencies, at most once a second.

    Parameters
    ----------
    probes:
        Name to what raises while a dependency is away.
    """

    def __init__(self, version: str, probes: dict[str, Probe]) -> None:
        self._version = version
        self._probes = probes
        self._lock = threading.Lock()
        self._asked = 0.0
        self._answer: tuple[int, dict[str, Any]] | None = None

    def look(self) -> tuple[int, dict[str, Any]]:
        """Return the status of the answer, and its document."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._asked > _KEPT:
                self._answer, self._asked = self._look(), time.monotonic()
            return self._answer

    def _look(self) -> tuple[int, dict[str, Any]]:
        found = [_asked(name, probe) for name, probe in self._probes.items()]
        status = "healthy"
        if any(d["status"] == "degraded" for d in found):
            status = "degraded"
        if any(d["status"] == "unhealthy" for d in found):
            status = "unhealthy"
        document = {"status": status, "version": self._version, "timestamp": instant(), "dependencies": found}
        return (503 if status == "unhealthy" else 200), document


def _asked(name: str, probe: Probe) -> dict[str, Any]:
    started = time.monotonic()
    message = ""
    try:
        probe()
    except Exception as problem:  # whatever it is, the dependency does not answer
        message = (str(problem) or type(problem).__name__)[:300]
    milliseconds = (time.monotonic() - started) * 1000
    slow = milliseconds > _SLOW_MS.get(name, float("inf"))
    status = "unhealthy" if message else "degraded" if slow else "healthy"
    return {"name": name, "status": status, "latency_ms": round(milliseconds, 2), "message": message}
