"""Dagster's daemon and web server as `make dev` starts them, over an instance of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.orchestration.watch_sensors import WATCH_VARIABLE
from pipeline_checks_tests.syntax import ROOT

BIN = Path(sys.executable).parent
START_SECONDS = 120
RUN_SECONDS = 240


@dataclass(frozen=True)
class DagsterProcesses:
    """A daemon and a web server that launch runs of our code location."""

    home: Path
    environment: Mapping[str, str]
    url: str

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Dagster on the same instance, from the root of the project."""
        return subprocess.run(
            [str(BIN / arguments[0]), *arguments[1:]],
            cwd=ROOT, env=dict(self.environment), capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip

    def query(self, text: str, **variables: Any) -> Any:
        """Ask the web server as the UI does."""
        answer = httpx.post(f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=60)
        answer.raise_for_status()
        document = answer.json()
        assert "errors" not in document, document
        return document["data"]

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open the instance of the processes; its event log lies where DAGSTER_HOME says."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home))
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield instance

    def finished(self, run_id: str) -> dg.DagsterRun:
        """Wait until a run has ended and return it."""
        with self.instance() as instance:

            def ended() -> dg.DagsterRun | None:
                run = instance.get_run_by_id(run_id)
                return run if run is not None and run.is_finished else None

            run = Deadline(RUN_SECONDS).wait_until(ended, every=0.5)
            assert run is not None, f"run {run_id} has not ended"
            return run

    def verdicts(self, run_id: str) -> dict[tuple[str, str], str]:
        """Return the verdict of each check of a run, by stage and kind."""
        with self.instance() as instance:
            events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [e.dagster_event.event_specific_data for e in events if e.dagster_event is not None]
        return {(e.asset_key.path[-1], e.check_name): str(e.metadata["verdict"].value) for e in found}  # type: ignore[union-attr]


@contextmanager
def dagster_processes(home: Path, *, watch: bool = False) -> Iterator[DagsterProcesses]:
    """Start a daemon and a web server on one code server, with ``home`` as DAGSTER_HOME; stop all at the end.

    Our sensors only ``watch`` on demand, so that the runs of a test are its own.
    """
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    port = _free_port()
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    environment[WATCH_VARIABLE] = "on" if watch else "off"
    url = f"http://127.0.0.1:{port}"
    command = [str(BIN / "dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with (home / "dagster.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_heed_interrupts,
        )  # fmt: skip
        try:
            processes = DagsterProcesses(home, environment, url)
            _await_location(processes, running)
            yield processes
        finally:
            running.send_signal(signal.SIGINT)  # it tells its own processes to end, and waits for them
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()


def _heed_interrupts() -> None:
    """A process whose parent runs in the background of a shell is born deaf to them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def fast_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: Dagster's event log waits for the disk at every event."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_location(processes: DagsterProcesses, running: subprocess.Popen[bytes]) -> None:
    def loaded() -> bool:
        assert running.poll() is None, _log(processes.home)
        try:
            data = processes.query("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        except httpx.HTTPError:
            return False
        return bool(data["repositoriesOrError"].get("nodes"))

    assert Deadline(START_SECONDS).wait_until(loaded, every=0.5), _log(processes.home)


def _log(home: Path) -> str:
    return (home / "dagster.log").read_text()[-3000:]
