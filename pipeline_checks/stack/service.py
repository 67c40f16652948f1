"""What a service is: a command with its files, ports, probe and dependencies, as a provider starts and watches it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.ports import ADDRESS

Settings = Mapping[str, str]
"""Names and values as they stand in ``stack.env``."""


@dataclass(frozen=True)
class Placement:
    """Where one service runs on this machine, and with what.

    Parameters
    ----------
    folder:
        The service's own folder for configuration and data.
    ports:
        The chosen ports by name, those of other services included.
    settings:
        All that stands in ``stack.env``; empty while the settings themselves are being asked for.
    java:
        The java binary, empty when no service needs one.
    classpaths:
        The verified jars by the name of their list, in the order of the list.
    java_flags:
        Flags that every JVM of the service gets: its class archive and what makes it start fast.
    password:
        Of PostgreSQL's superuser, empty where this machine is trusted.
    """

    home: Home
    name: str
    folder: Path
    ports: Mapping[str, int]
    settings: Settings = field(default_factory=dict)
    java: str = ""
    classpaths: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    java_flags: Sequence[str] = ()
    password: str = ""

    def classpath(self, jars: str) -> str:
        """Return the jars of a list as the text that ``java -cp`` takes."""
        return os.pathsep.join(str(path) for path in self.classpaths[jars])

    def url(self, port: str) -> str:
        """Return the HTTP address of what listens on a port, by the port's name."""
        return f"http://{ADDRESS}:{self.ports[port]}"

    @staticmethod
    def chosen(name: str, default: str) -> str:
        """Return what the user may choose by environment variable, otherwise the default."""
        return os.environ.get(name) or default

    def kept(self, name: str, made: Callable[[], str]) -> str:
        """Return a secret as an earlier start has it, or the user chose it, or a new one."""
        return read_env(self.home).get(name) or self.chosen(name, "") or made()

    @classmethod
    def chosen_place(cls, name: str, default: Path) -> str:
        """Return a URI or path that the user may choose.

        A path is made absolute, as every process has a folder of its own.
        """
        chosen = cls.chosen(name, str(default))
        return chosen if "://" in chosen else str(Path(chosen).absolute())

    @classmethod
    def chosen_uri(cls, name: str, default: Path) -> str:
        """Return a place that the user may choose as ``chosen_place`` does, always as a URI."""
        chosen = cls.chosen_place(name, default)
        return chosen if "://" in chosen else Path(chosen).as_uri()


def _no_arguments(_: Placement) -> Sequence[str]:
    return ()


def _no_settings(_: Placement) -> Settings:
    return {}


def _nothing(_: Placement) -> None:
    return None


def _always_ready(_: Settings) -> None:
    return None


@dataclass(frozen=True)
class Service:
    """One service of a stack.

    Parameters
    ----------
    name:
        Lower case letters, digits and underscores.
    command:
        Returns the program and its arguments.
    depends_on:
        Services that must be ready before this one is started.
    follows:
        Services that this one waits for by itself: it is started beside them and stopped before them.
    ports:
        Names of the ports it listens on; ``PIPELINE_CHECKS_PORT_<NAME>`` fixes one.
    needs:
        Settings by which the probe finds the service; ``external`` looks them up in the environment.
    settings:
        Returns what the service adds to ``stack.env``.
    environment:
        Returns what the process gets besides the environment of the command.
    prepare:
        Makes files and data before each start, idempotent.
    probe:
        Returns when the service answers its protocol; raises TransientError while it does not.
    ready_seconds:
        How long readiness may take.
    jars, class_archive:
        Lists of jars on its class path, and the name of the archive of its loaded classes when it has one.
    unprivileged:
        Whether it refuses to run as root and is run as ``nobody`` there.
    once:
        A step that runs to its end on every ``up`` instead of a process that stays.
    action:
        What a step does within the command itself, in place of a process.
    """

    name: str
    command: Callable[[Placement], Sequence[str]] = _no_arguments
    depends_on: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settings: Callable[[Placement], Settings] = _no_settings
    environment: Callable[[Placement], Settings] = _no_settings
    prepare: Callable[[Placement], None] = _nothing
    probe: Callable[[Settings], None] = _always_ready
    ready_seconds: float = 60.0
    jars: tuple[str, ...] = ()
    class_archive: str | None = None
    unprivileged: bool = False
    stop_signal: Literal["TERM", "INT", "QUIT"] = "TERM"
    stop_seconds: int = 15
    once: bool = False
    action: Callable[[Placement], None] | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """All services that this one needs, started before it or beside it."""
        return (*self.depends_on, *self.follows)

    @property
    def needs_java(self) -> bool:
        """Whether a JVM is started for it."""
        return bool(self.jars)


def in_order(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return the services, each once and behind those it needs.

    Raises ConfigurationError when one needs a service that is not among them, when two differ under one name, or
    when they need each other in a circle.
    """
    known: dict[str, Service] = {}
    for service in services:
        if known.setdefault(service.name, service) != service:
            raise ConfigurationError(
                f"two services are called {service.name!r}", next_step="Give one of them another name."
            )
    ordered: dict[str, Service] = {}
    pending = dict(known)
    while pending:
        free = [s for s in pending.values() if all(name in ordered for name in s.upstream)]
        if not free:
            wanted = sorted({n for s in pending.values() for n in s.upstream if n not in known})
            problem = f"not among the services: {', '.join(wanted)}" if wanted else "they need each other in a circle"
            raise ConfigurationError(
                f"the services {', '.join(sorted(pending))} cannot be ordered; {problem}",
                next_step="Correct depends_on and follows.",
            )
        for service in free:
            ordered[service.name] = pending.pop(service.name)
    return tuple(ordered.values())
