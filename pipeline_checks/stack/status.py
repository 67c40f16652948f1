"""What is known of a service: state, port, uptime, memory, log, restarts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

State = Literal["ready", "starting", "unready", "stopped", "failed", "done", "absent"]
"""``unready``: the process is there and does not answer; ``done``: a step that has run; ``absent``: not configured."""


@dataclass(frozen=True)
class ServiceState:
    """One service as it is now. ``memory_bytes`` includes children; ``seconds`` is what ``up`` took for it."""

    name: str
    state: State
    port: int | None = None
    pid: int | None = None
    uptime_seconds: float | None = None
    memory_bytes: int | None = None
    restarts: int = 0
    log: Path | None = None
    seconds: float | None = None
    problem: str = ""

    @property
    def ready(self) -> bool:
        """Whether the service can be used."""
        return self.state in ("ready", "done")

    def __str__(self) -> str:
        port = f" on port {self.port}" if self.port else ""
        return f"{self.name}: {self.state}{port}{f' ({self.problem})' if self.problem else ''}"

    def to_json(self) -> dict[str, Any]:
        """Return the state as ``status --json`` shows it."""
        return {**asdict(self), "log": None if self.log is None else str(self.log)}


@dataclass(frozen=True)
class Progress:
    """Something that ``up`` has done: a service has become ready after ``seconds``, jars have been fetched."""

    service: str
    what: Literal["fetching", "starting", "ready", "done", "failed"]
    seconds: float = 0.0
    message: str = ""

    def __str__(self) -> str:
        return f"{self.service}: {self.what}{f' {self.message}' if self.message else ''} ({self.seconds:.1f} s)"


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Report nothing."""


_STARTED = re.compile(r"supervisord started with pid")
_EXITED = re.compile(r"WARN exited: (\S+) ")


def restarts(supervisor_log: Path) -> Counter[str]:
    """Return how often each process has ended unasked since supervisord was started."""
    found: Counter[str] = Counter()
    for log in (supervisor_log.with_name(f"{supervisor_log.name}.1"), supervisor_log):
        try:
            text = log.read_text(errors="replace")
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            if _STARTED.search(line):
                found.clear()
            elif match := _EXITED.search(line):
                found[match.group(1)] += 1
    return found
