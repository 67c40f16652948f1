"""Takes snapshots of the components from a thread until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.sales.monitoring.groups import Machine, ProcessGroup
from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport, Metric, Snapshot

SAMPLING_SECONDS = 1.0


@dataclass(frozen=True)
class Queue:
    """What waits before a component.

    Parameters
    ----------
    name:
        Of the metric, as ``topic_lag``.
    read:
        Returns how much waits now; raises an error of this project when that cannot be told.
    """

    component: str
    name: str
    unit: str
    read: Callable[[], float]


@dataclass
class _Seen:
    snapshots: list[Snapshot] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)


class PerformanceMonitor:
    """Watches process groups and queues while it is entered.

    Parameters
    ----------
    sampling_seconds:
        Between two snapshots.
    """

    def __init__(
        self, groups: Iterable[ProcessGroup], queues: Iterable[Queue] = (), sampling_seconds: float = SAMPLING_SECONDS
    ) -> None:
        self._groups = tuple(groups)
        self._queues = tuple(queues)
        self._interval = sampling_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="performance-monitor", daemon=True)
        self._seen = {group.name: _Seen() for group in self._groups}
        self._started_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._began = self._ended = self._last = 0.0

    def __enter__(self) -> Self:
        self._started_at, self._began = now(), monotonic()
        self._last = self._began
        self._sample()  # what has been used before is not of this watch
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()
        self._ended_at, self._ended = now(), monotonic()

    def reports(self) -> tuple[ComponentReport, ...]:
        """Return what was seen of each component; to be asked when the watch has ended."""
        assert self._started_at is not None and self._ended_at is not None
        return tuple(
            ComponentReport(
                component_name=name,
                start_time=self._started_at,
                end_time=self._ended_at,
                duration_seconds=self._ended - self._began,
                # The first one tells only where the counters stood.
                snapshots=tuple(seen.snapshots[1:]),
                metrics=tuple(seen.metrics),
                problems=tuple(seen.problems),
            )
            for name, seen in self._seen.items()
        )

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        timestamp, instant, machine = now(), monotonic(), Machine.now()
        seconds, self._last = instant - self._last, instant
        for group in self._groups:
            seen = self._seen[group.name]
            snapshot = group.snapshot(timestamp, seconds, machine)
            seen.snapshots.append(snapshot)
            if not snapshot.process_count:
                seen.problems[f"{group.name}: no process was found"] = None
            seen.metrics += [
                Metric(timestamp, "process_cpu_percent", snapshot.cpu_percent, "percent"),
                Metric(timestamp, "process_memory_mb", snapshot.memory_used_mb, "MB"),
            ]
        for queue in self._queues:
            self._look(queue, timestamp)

    def _look(self, queue: Queue, timestamp: datetime) -> None:
        seen = self._seen.setdefault(queue.component, _Seen())
        try:
            seen.metrics.append(Metric(timestamp, queue.name, queue.read(), queue.unit))
        except PipelineChecksError as problem:
            seen.problems[f"{queue.name}: {problem.message}"] = None


def components(reports: Sequence[ComponentReport]) -> list[str]:
    """Return the names of the components."""
    return [report.component_name for report in reports]
