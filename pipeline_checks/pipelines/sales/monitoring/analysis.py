"""What the samples say: statistics, bottlenecks, and what is slower than a baseline."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport, Snapshot

MEDIUM, HIGH = 80.0, 90.0
"""Percent of the machine, on average, above which a component is held up by it."""
GROWTH, FAST_GROWTH = 1.2, 2.0
"""How many times longer a queue that is not kept up with is, on average, in the second half of a watch."""
TOLERANCE: Final = 0.2
_PROCESS_METRICS: Final = frozenset({"process_cpu_percent", "process_memory_mb"})
_COMPARED: Final = ("duration_seconds", "cpu_avg_percent", "memory_avg_mb")


@dataclass(frozen=True)
class Bottleneck:
    """What holds a component up: cpu, memory, disk (percent of the machine) or queue_lag (what waits at the end)."""

    component: str
    type: str
    severity: str
    value: float

    def to_json(self) -> dict[str, Any]:
        """Return the bottleneck as JSON values."""
        return {**asdict(self), "value": round(self.value, 4)}


@dataclass(frozen=True)
class Regression:
    """A value that has grown by more than the tolerance against the baseline; ``change`` is a share, 0.25 for 25 %."""

    component: str
    metric: str
    baseline: float
    value: float
    change: float

    def to_json(self) -> dict[str, Any]:
        """Return the regression as JSON values."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def statistics_of(values: Sequence[float]) -> dict[str, float]:
    """Return average, largest, smallest and standard deviation; all 0 of nothing."""
    if not values:
        return {"avg": 0.0, "max": 0.0, "min": 0.0, "std": 0.0}
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    found = {"avg": statistics.fmean(values), "max": max(values), "min": min(values), "std": spread}
    return {name: round(value, 4) for name, value in found.items()}


def summary(report: ComponentReport) -> dict[str, Any]:
    """Return the statistics of a component."""
    snapshots, seconds = report.snapshots, sum(s.seconds for s in report.snapshots)

    def flow(read: Sequence[float]) -> dict[str, float]:
        total = sum(read)
        return {"total_mb": round(total, 4), "mb_per_second": round(total / seconds, 4) if seconds else 0.0}

    return {
        "cpu": statistics_of([s.cpu_percent for s in snapshots]),
        "memory": statistics_of([s.memory_used_mb for s in snapshots]),
        "disk_io": {
            "read": flow([s.disk_io_read_mb for s in snapshots]),
            "write": flow([s.disk_io_write_mb for s in snapshots]),
            "busy": statistics_of([s.disk_busy_percent for s in snapshots]),
        },
        "network": {
            "sent": flow([s.network_sent_mb for s in snapshots]),
            "received": flow([s.network_recv_mb for s in snapshots]),
        },
        "queues": {name: statistics_of(values) for name, values in _queues(report).items()},
        "sampling": {"samples": len(snapshots), "seconds": round(seconds, 3)},
        "processes": statistics_of([float(s.process_count) for s in snapshots]),
    }


def component_json(report: ComponentReport) -> dict[str, Any]:
    """Return a component's report as JSON values."""
    return {
        "component_name": report.component_name,
        "start_time": report.start_time.isoformat(),
        "end_time": report.end_time.isoformat(),
        "duration_seconds": round(report.duration_seconds, 3),
        "metrics": [m.to_json() for m in report.metrics],
        "snapshots": [s.to_json() for s in report.snapshots],
        "summary_stats": summary(report),
        "problems": list(report.problems),
    }


def bottlenecks(reports: Sequence[ComponentReport]) -> list[Bottleneck]:
    """Return what holds the components up, the worst first.

    A busy disk is laid to the component that reads and writes most. A queue counts when more waits in the second half
    of the watch than in the first, and not before four samples of it.
    """
    found: list[Bottleneck] = []
    for report in reports:
        used = {"cpu": _mean(report.snapshots, "cpu_percent"), "memory": _mean(report.snapshots, "memory_percent")}
        found += [Bottleneck(report.component_name, kind, s, v) for kind, v in used.items() if (s := _severity(v))]
        for values in _queues(report).values():
            if severity := _growing(values):
                found.append(Bottleneck(report.component_name, "queue_lag", severity, values[-1]))
    heaviest = max(reports, key=_disk, default=None)
    if heaviest is not None and _disk(heaviest) > 0:
        busy = _mean(heaviest.snapshots, "disk_busy_percent")
        if severity := _severity(busy):
            found.append(Bottleneck(heaviest.component_name, "disk", severity, busy))
    return sorted(found, key=lambda b: (b.severity != "high", b.component, b.type))


def baseline_of(reports: Iterable[ComponentReport]) -> dict[str, dict[str, float]]:
    """Return what later runs are compared with, by component."""
    return {
        r.component_name: {
            "duration_seconds": round(r.duration_seconds, 4),
            "cpu_avg_percent": round(_mean(r.snapshots, "cpu_percent"), 4),
            "memory_avg_mb": round(_mean(r.snapshots, "memory_used_mb"), 4),
        }
        for r in reports
    }


def regressions(
    reports: Iterable[ComponentReport], baseline: Mapping[str, Mapping[str, float]], tolerance: float = TOLERANCE
) -> list[Regression]:
    """Return what has grown by more than ``tolerance`` (a share) against a baseline.

    A component or value that the baseline lacks, or has as 0, is not compared.
    """
    found = []
    for component, values in baseline_of(reports).items():
        for metric in _COMPARED:
            before = baseline.get(component, {}).get(metric, 0.0)
            if before > 0 and (change := values[metric] / before - 1) > tolerance:
                found.append(Regression(component, metric, before, values[metric], change))
    return found


def _severity(percent: float) -> str:
    return "high" if percent > HIGH else "medium" if percent > MEDIUM else ""


def _growing(values: Sequence[float]) -> str:
    if len(values) < 4 or values[-1] <= 0:
        return ""  # what has been worked off was no bottleneck at the end
    half = len(values) // 2
    first, second = statistics.fmean(values[:half]), statistics.fmean(values[half:])
    if second <= GROWTH * first:
        return ""
    return "high" if second > FAST_GROWTH * first else "medium"


def _queues(report: ComponentReport) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for metric in report.metrics:
        if metric.metric_name not in _PROCESS_METRICS:
            found.setdefault(metric.metric_name, []).append(metric.value)
    return found


def _mean(snapshots: Sequence[Snapshot], name: str) -> float:
    return statistics.fmean(getattr(s, name) for s in snapshots) if snapshots else 0.0


def _disk(report: ComponentReport) -> float:
    return sum(s.disk_io_read_mb + s.disk_io_write_mb for s in report.snapshots)
