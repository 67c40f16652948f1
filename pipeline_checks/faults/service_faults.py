"""Faults of services: killed, frozen, cut off. Only of services whose processes run on this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stack.providers import provider

_SAME_START = 0.01
"""Seconds. A process id belongs to the process that was written down when the start times agree."""


@dataclass(frozen=True)
class Frozen:
    """All processes of a service stand still: connections stay open and nothing answers."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a service that stays."""
        return _is_service(target)

    def plan(self, target: Target) -> Injury:
        """Return the processes."""
        processes = _processes(target)
        undo = {"processes": [[p.pid, p.create_time()] for p in processes]}
        what = f"{self.description} ({target.name}, {len(processes)} processes)"
        return Injury(self.name, target.pipeline.name, target.name, what, undo=undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Stop them, the first one first, so that it starts no others."""
        for process in _found(injury):
            with suppress(psutil.Error):
                process.suspend()
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Let them go on, and wait until everything answers."""
        for process in _found(injury):
            with suppress(psutil.Error):
                process.resume()
        provider().up(target.services)


@dataclass(frozen=True)
class Crashed:
    """A service is killed without warning, and stays down."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a service that stays."""
        return _is_service(target)

    def plan(self, target: Target) -> Injury:
        """Return the process."""
        pid = _processes(target)[0].pid
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({target.name}, {pid})")

    def act(self, target: Target, injury: Injury) -> Injury:
        """Kill it, and keep its supervisor from starting it anew."""
        with suppress(psutil.Error):
            _processes(target)[0].kill()
        provider().halt(target.name)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Start it, and wait until everything answers."""
        provider().up(target.services)


@dataclass(frozen=True)
class ConnectionsCut:
    """Postgres ends all connections of its clients, the replication included."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the service of Postgres."""
        return _is_service(target) and target.name == "postgres"

    def plan(self, target: Target) -> Injury:
        """Return what will be done."""
        return Injury(self.name, target.pipeline.name, target.name, self.description)

    def act(self, target: Target, injury: Injury) -> Injury:
        """End them."""
        url = _source_url(target)
        with connect(url) as connection, translated("cutting connections"):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')"
            )
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Wait until everything answers: the clients connect again by themselves."""
        provider().up(target.services)


def _is_service(target: Target) -> bool:
    return not target.is_stage and any(s.name == target.name and not s.once for s in target.services)


def _processes(target: Target) -> list[psutil.Process]:
    """Return the service's process and all below it; raises TerminalError when it does not run here."""
    pid = provider().pid(target.name)
    if pid is None:
        raise TerminalError(f"{target.name} does not run on this machine.", next_step="Start it: pipeline-checks up.")
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _found(injury: Injury) -> list[psutil.Process]:
    """Return those of the processes written down that still live; ids are given again."""
    found = []
    for pid, started in injury.undo["processes"]:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if abs(process.create_time() - started) < _SAME_START:
                found.append(process)
    return found


def _source_url(target: Target) -> str:
    for stage in target.pipeline.stages:
        connection: Any = getattr(stage, "connection", None)
        if stage.kind == "postgres_table" and connection is not None:
            return resolve(connection.url)
    raise TerminalError(f"{target.pipeline.name} has no table of Postgres.", next_step="Choose another service.")
