"""The processes of a component: those of its services and all that they started."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import psutil

from pipeline_checks.pipelines.sales.monitoring.samples import Snapshot

_MB = 1024 * 1024


@dataclass(frozen=True)
class _Used:
    """Totals of one process since it began."""

    cpu_seconds: float
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class Machine:
    """Totals of the machine since it began."""

    sent_bytes: int
    received_bytes: int
    disk_busy_seconds: float | None

    @classmethod
    def now(cls) -> Machine:
        """Return the totals as they are."""
        network = psutil.net_io_counters()
        disk = psutil.disk_io_counters()
        busy = getattr(disk, "busy_time", None)  # not every system counts it
        return cls(network.bytes_sent, network.bytes_recv, None if busy is None else busy / 1000)


@dataclass
class ProcessGroup:
    """The processes of one component.

    Parameters
    ----------
    roots:
        Returns the ids of the processes that belong to it; their children, and the children of these, do as well. It
        is asked at each snapshot, as services are started anew.
    """

    name: str
    roots: Callable[[], Iterable[int]]
    _before: dict[tuple[int, float], _Used] = field(default_factory=dict)
    _machine: Machine | None = None

    def snapshot(self, timestamp: datetime, seconds: float, machine: Machine) -> Snapshot:
        """Return what was used since the last call, ``seconds`` ago; of the first call that is nothing."""
        first, before, earlier = not self._before and self._machine is None, self._before, self._machine or machine
        cpu, read, written, memory = 0.0, 0, 0, 0
        now: dict[tuple[int, float], _Used] = {}
        for process in self._processes():
            try:
                with process.oneshot():
                    identity = (process.pid, process.create_time())
                    used, resident = _used(process), process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # gone between being listed and being asked
            now[identity] = used
            memory += resident
            # A process that began since the last snapshot has used all that it has since then.
            last = before.get(identity, used if first else _Used(0.0, 0, 0))
            cpu += max(0.0, used.cpu_seconds - last.cpu_seconds)
            read += max(0, used.read_bytes - last.read_bytes)
            written += max(0, used.written_bytes - last.written_bytes)
        self._before, self._machine = now, machine
        cores, total = psutil.cpu_count() or 1, psutil.virtual_memory().total
        return Snapshot(
            timestamp=timestamp,
            seconds=seconds,
            cpu_percent=100 * cpu / seconds / cores if seconds > 0 else 0.0,
            memory_percent=100 * memory / total,
            memory_used_mb=memory / _MB,
            disk_io_read_mb=read / _MB,
            disk_io_write_mb=written / _MB,
            disk_busy_percent=_busy(earlier, machine, seconds),
            network_sent_mb=(machine.sent_bytes - earlier.sent_bytes) / _MB,
            network_recv_mb=(machine.received_bytes - earlier.received_bytes) / _MB,
            process_count=len(now),
        )

    def _processes(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for pid in self.roots():
            try:
                root = psutil.Process(pid)
                members = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            found.update({p.pid: p for p in members})
        return list(found.values())


def _used(process: psutil.Process) -> _Used:
    times = process.cpu_times()
    try:
        io = process.io_counters()
        read, written = io.read_bytes, io.write_bytes
    except (psutil.AccessDenied, AttributeError):
        read, written = 0, 0
    return _Used(times.user + times.system, read, written)


def _busy(earlier: Machine, machine: Machine, seconds: float) -> float:
    if earlier.disk_busy_seconds is None or machine.disk_busy_seconds is None or seconds <= 0:
        return 0.0
    # Several disks that are busy at once count as one that is.
    return min(100.0, 100 * (machine.disk_busy_seconds - earlier.disk_busy_seconds) / seconds)
