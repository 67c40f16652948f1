"""Stopping, killing and starting services of the stack under test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks.stack.supervision import Supervisor
from pipeline_checks_tests.conftest import RunningStack


@contextmanager
def stopped(stack: RunningStack, name: str = "cdc_mover") -> Iterator[None]:
    """Stop a service for a while; it has ended when the block begins, and is up and ready again behind it."""
    supervisor = Supervisor(stack.provider.home)
    supervisor.stop(name)
    ended = Deadline(60).wait_until(lambda: supervisor.process(name).is_down)
    assert ended, f"{name} does not end"
    try:
        yield
    finally:
        stack.up(services())


def kill(stack: RunningStack, name: str) -> None:
    """Kill a service with SIGKILL, and wait until its process has gone."""
    pid = stack.state(name).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    gone = Deadline(30).wait_until(lambda: stack.state(name).pid != pid)
    assert gone, f"{name} still runs as {pid}"


def wait_until_ready(stack: RunningStack, seconds: float = 120) -> None:
    """Wait until every service of the pipeline answers again."""

    def ready() -> bool:
        states = stack.provider.status(services())
        return all(s.ready or s.state == "done" for s in states)

    assert Deadline(seconds).wait_until(ready), stack.provider.status(services())


def batches() -> int:
    """Return how many batches the mover has written since it started."""
    return int(httpx.get(f"{setting('CDC_MOVER_URL')}/health").json()["batches"])
