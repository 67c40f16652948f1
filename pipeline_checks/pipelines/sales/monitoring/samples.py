"""What the monitor notes: snapshots of a component's processes, and values of queues."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Snapshot:
    """What the processes of one component used since the snapshot before.

    Parameters
    ----------
    cpu_percent:
        Of the whole machine: 100 is every core busy.
    memory_percent, memory_used_mb:
        Resident memory of all processes together.
    disk_io_read_mb, disk_io_write_mb:
        Read and written since the snapshot before.
    disk_busy_percent:
        Of the machine, whose disk the components share.
    network_sent_mb, network_recv_mb:
        Of the machine, loopback included: the system counts no network by process.
    """

    timestamp: datetime
    seconds: float
    cpu_percent: float
    memory_percent: float
    memory_used_mb: float
    disk_io_read_mb: float
    disk_io_write_mb: float
    disk_busy_percent: float
    network_sent_mb: float
    network_recv_mb: float
    process_count: int

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot as JSON values."""
        values = asdict(self)
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
        return {**rounded, "timestamp": self.timestamp.isoformat()}


@dataclass(frozen=True)
class Metric:
    """One value of one name."""

    timestamp: datetime
    metric_name: str
    value: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Return the metric as JSON values."""
        return {**asdict(self), "timestamp": self.timestamp.isoformat(), "value": round(self.value, 4)}


@dataclass(frozen=True)
class ComponentReport:
    """What was seen of one component between two instants."""

    component_name: str
    start_time: datetime
    end_time: datetime
    duration_seconds: float
    snapshots: tuple[Snapshot, ...]
    metrics: tuple[Metric, ...]
    problems: tuple[str, ...] = ()
    """What could not be measured."""
