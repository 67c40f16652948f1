"""The metrics of the programs: all begin with ``k2_``, and with the labels service, environment and component."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

_LABELS: Final = ("service", "environment", "component")
_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
M = TypeVar("M", bound=MetricWrapperBase)


@dataclass
class Metrics:
    """Makes and keeps the metrics of one program; those with further labels are taken by ``of``."""

    service: str
    environment: str
    component: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _made: dict[str, Any] = field(default_factory=dict)
    _children: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def counter(self, name: str, *values: str, labels: Sequence[str] = ()) -> Counter:
        """Return a counter, with the values of its further labels."""
        return self._child(Counter, name, labels, values)

    def gauge(self, name: str, *values: str, labels: Sequence[str] = ()) -> Gauge:
        """Return a gauge, with the values of its further labels."""
        return self._child(Gauge, name, labels, values)

    def histogram(self, name: str, *values: str, labels: Sequence[str] = ()) -> Histogram:
        """Return a histogram of seconds, with the values of its further labels."""
        return self._child(Histogram, name, labels, values, buckets=_SECONDS)

    def _child(self, kind: type[M], name: str, labels: Sequence[str], values: Sequence[str], **options: Any) -> M:
        key = (name, *values)
        child: M | None = self._children.get(key)
        if child is None:
            with self._lock:  # two threads that come first at once would make it twice
                if name not in self._made:
                    names = (*_LABELS, *labels)
                    self._made[name] = kind(
                        f"k2_{name}", name.replace("_", " "), names, registry=self.registry, **options
                    )
            child = self._made[name].labels(self.service, self.environment, self.component, *values)
            self._children[key] = child
        assert child is not None
        return child
