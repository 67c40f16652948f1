"""Brings services up beside each other, each as soon as what it needs is ready."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.stack.service import Placement, Service
from pipeline_checks.stack.status import Progress, Report
from pipeline_checks.stack.supervision import Supervisor

_TRIES = 2
"""How often a process may end before it was ready: once may be a race, twice is a fault."""


class _PassedOverError(Exception):
    """What the service needs did not come up, or the command was interrupted: said elsewhere."""


@dataclass(frozen=True)
class Times:
    """Seconds from the beginning of all: when a service was started, and when it answered or had run to its end."""

    started: float
    ready: float


@dataclass(frozen=True)
class Start:
    """A service with what it is started by."""

    service: Service
    placement: Placement
    environment: Mapping[str, str]
    log: Path
    runs: bool
    """Whether its process is there already and only has to be probed."""


def bring_up(
    starts: Sequence[Start], supervisor: Supervisor, ready_supervisor: Callable[[], None], report: Report
) -> dict[str, Times]:
    """Bring the services up, a thread for each; return when each was started and ready.

    ``starts`` stand in the order of their dependencies; ``ready_supervisor`` makes the supervisor run and know them,
    while the services prepare their files. What is up stays up when another fails, so that a second call goes on from
    there. Raises the first error, when all others are up or have failed as well.
    """
    begun = monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(len(starts) + 1, thread_name_prefix="up") as pool:
        supervised = pool.submit(ready_supervisor)
        futures: dict[str, Future[Times]] = {}
        for start in starts:
            needed = [futures[name] for name in start.service.depends_on]
            one = _One(start, supervisor, supervised, needed, stop, report, begun)
            futures[start.service.name] = pool.submit(one.bring_up)
        try:
            errors = [supervised.exception(), *(future.exception() for future in futures.values())]
        except BaseException:
            stop.set()
            raise
    for error in errors:
        if error is not None and not isinstance(error, _PassedOverError):
            raise error
    return {name: future.result() for name, future in futures.items()}


@dataclass(frozen=True)
class _One:
    start: Start
    supervisor: Supervisor
    supervised: Future[None]
    needed: Sequence[Future[Times]]
    stop: threading.Event
    report: Report
    begun: float

    def bring_up(self) -> Times:
        service, name = self.start.service, self.start.service.name
        try:
            if not self.start.runs:
                service.prepare(self.start.placement)
            failed = [self.supervised.exception(), *(future.exception() for future in self.needed)]
            if any(failed) or self.stop.is_set():
                raise _PassedOverError
            started = self._seconds
            if service.action is not None:
                service.action(self.start.placement)
            elif service.once:
                self._run_step()
            else:
                self._start_and_probe()
        except PipelineChecksError as error:
            self.report(Progress(name, "failed", self._seconds, str(error)))
            raise
        self.report(Progress(name, "done" if service.once else "ready", self._seconds))
        return Times(started, self._seconds)

    @property
    def _seconds(self) -> float:
        return monotonic() - self.begun

    def _run_step(self) -> None:
        service, log = self.start.service, self.start.log
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(service.command(self.start.placement)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.start.placement.folder,
                env={**os.environ, **self.start.environment},
            )
        deadline = Deadline(service.ready_seconds)
        deadline.wait_until(lambda: process.poll() is not None or self.stop.is_set(), every=0.01)
        if process.poll() is None:
            process.kill()
            process.wait()
            if self.stop.is_set():
                raise _PassedOverError
            raise TransientError(
                f"{service.name} did not end within {service.ready_seconds:.0f} s{_tail(log)}",
                next_step=f"Look at {log}, then run `pipeline-checks up` again.",
                service=service.name,
            )
        if process.returncode != 0:
            raise TerminalError(
                f"{service.name} failed with exit code {process.returncode}{_tail(log)}",
                next_step=f"Look at {log}, then run `pipeline-checks up` again.",
                service=service.name,
            )

    def _start_and_probe(self) -> None:
        service, log = self.start.service, self.start.log
        if not self.start.runs:
            self.supervisor.start(service.name)
        failures: set[int] = set()
        last: list[PipelineChecksError] = []

        def ready() -> bool:
            if self.stop.is_set():
                raise _PassedOverError
            try:
                service.probe(self.start.placement.settings)
            except TransientError as error:
                last[:] = [error]
                self._look_for_failure(failures)
                return False
            # Something answered; it must be our process, not another program on the port, nor one that is ending.
            if self.supervisor.process(service.name).state in ("RUNNING", "STARTING"):
                return True
            self._look_for_failure(failures)
            return False

        if not Deadline(service.ready_seconds).wait_until(ready, every=0.02):
            problem = last[0].message if last else "its process is not there"
            raise TransientError(
                f"{service.name} was not ready within {service.ready_seconds:.0f} s: {problem}{_tail(log)}",
                next_step=f"Look at {log}, then run `pipeline-checks up` again.",
                service=service.name,
            )

    def _look_for_failure(self, failures: set[int]) -> None:
        """Raise when the process has ended for good or more than once, instead of waiting for the deadline."""
        name, log = self.start.service.name, self.start.log
        process = self.supervisor.process(name)
        if process.state in ("BACKOFF", "EXITED", "FATAL"):
            failures.add(process.started)
        if process.state == "STOPPED":
            self.supervisor.start(name)  # it was still ending, by somebody's wish, when it was to be started
        if process.state == "FATAL" or len(failures) >= _TRIES:
            with suppress(TransientError):
                self.supervisor.stop(name)  # else the supervisor would go on starting it
            raise TerminalError(
                f"{name} ends before it is ready{f' ({process.problem})' if process.problem else ''}{_tail(log)}",
                next_step=f"Look at {log}, then run `pipeline-checks up` again.",
                service=name,
            )


def _tail(log: Path, lines: int = 8) -> str:
    """Return the last lines of a log as they are put behind an error's message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "; it has no log"
    last = [line for line in text.splitlines() if line.strip()][-lines:]
    return "; its log ends with:\n  " + "\n  ".join(last) + "\n" if last else "; its log is empty"
