"""Dagster's daemon over an instance of its own, with our sensors on or off, and the processor time that it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil

from pipeline_checks.model.clock import Deadline
from pipeline_checks.orchestration.watch_sensors import WATCH_VARIABLE

ROOT = Path(__file__).parent.parent
START_SECONDS = 400


@dataclass(frozen=True)
class Daemon:
    """A daemon that is running, with its code server."""

    home: Path
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time so far, of the daemon and all that it has started, also of what has ended."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(p.cpu_times()[:4]) for p in family)

    def share(self, seconds: float) -> float:
        """Return the share of one core (percent) that it takes during so many seconds."""
        before, started = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)  # the time over which is measured
        return 100 * (self.cpu_seconds() - before) / (time.monotonic() - started)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open the daemon's instance."""
        known = os.environ.get("DAGSTER_HOME")
        os.environ["DAGSTER_HOME"] = str(self.home)
        try:
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield instance
        finally:
            os.environ.pop("DAGSTER_HOME")
            if known is not None:
                os.environ["DAGSTER_HOME"] = known

    def await_ticks(self, sensor: str, number: int) -> None:
        """Wait until a sensor has ticked so often; raises AssertionError when it does not."""

        def ticked() -> bool:
            with self.instance() as instance:
                states = [s for s in instance.all_instigator_state() if s.instigator_name == sensor]
                return (
                    bool(states)
                    and len(instance.get_ticks(states[0].instigator_origin_id, states[0].selector_id)) >= number
                )

        if not Deadline(START_SECONDS).wait_until(ticked, every=1.0):
            raise AssertionError(f"{sensor} has not ticked: {(self.home / 'daemon.log').read_text()[-2000:]}")


@contextmanager
def daemon(*, watch: bool) -> Iterator[Daemon]:
    """Start a daemon over our code location, and stop it at the end."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        home = Path(folder)
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        environment = {**os.environ, "DAGSTER_HOME": folder, WATCH_VARIABLE: "on" if watch else "off"}
        command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml"]
        with (home / "daemon.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                yield Daemon(home, psutil.Process(process.pid))
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
