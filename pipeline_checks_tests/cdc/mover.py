"""Stopping, killing and starting services of the stack under test."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from deltalake import DeltaTable

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks.stack.status import ServiceState
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

    names = {service.name for service in services()}

    def lame() -> list[ServiceState]:
        return [s for s in stack.provider.status(services()) if s.name in names and not s.ready]

    assert Deadline(seconds).wait_until(lambda: not lame()), lame()


def batches() -> int:
    """Return how many batches the mover has written since it started."""
    return int(httpx.get(f"{setting('CDC_MOVER_URL')}/health").json()["batches"])


class Checkpoint:
    """The checkpoint of the streaming query as it lies on disk."""

    def __init__(self) -> None:
        self._folder = Path(setting("CHECKPOINT_LOCATION"))

    @property
    def query(self) -> str:
        """The id of the query; a new checkpoint has another."""
        return str(json.loads((self._folder / "metadata").read_text())["id"])

    @property
    def planned(self) -> int | None:
        """The number of the last batch that was begun."""
        return self._last("offsets")

    @property
    def committed(self) -> int | None:
        """The number of the last batch that was completed."""
        return self._last("commits")

    def covers(self, ends: Mapping[str, Mapping[int, int]]) -> bool:
        """Whether the last completed batch ended at or behind these next offsets, by topic and partition."""
        number = self.committed
        if number is None:
            return False
        reached = json.loads((self._folder / "offsets" / str(number)).read_text().splitlines()[-1])
        return all(reached[topic][str(p)] >= end for topic, parts in ends.items() for p, end in parts.items())

    def _last(self, kind: str) -> int | None:
        numbers = [int(f.name) for f in (self._folder / kind).glob("*") if f.name.isdigit()]
        return max(numbers, default=None)


def kill_between_data_and_checkpoint(stack: RunningStack, seconds: float = 60) -> None:
    """Kill the mover when one table holds a batch that the checkpoint does not; the source must be written to."""
    topic = "debezium.public.customers"
    table = DeltaTable(f"{setting('DELTA_TABLE_PATH')}/customers_changes")
    checkpoint, deadline = Checkpoint(), Deadline(seconds)
    application = f"{checkpoint.query}/{topic}"

    def torn() -> bool:
        table.update_incremental()
        written = table.transaction_version(application)
        return written is not None and written > (checkpoint.committed or -1)

    while not deadline.passed:
        # A pause that does not grow: the interval to hit is a fraction of a second.
        if not Deadline(0.05).wait_until(torn, every=0.005):
            continue
        kill(stack, "cdc_mover")
        if torn():
            return
        wait_until_ready(stack)
    raise AssertionError(f"no batch was hit within {seconds} s")
