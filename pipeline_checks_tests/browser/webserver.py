"""Dagster's web server over a code location of one pipeline; it launches runs itself, without a daemon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pipeline_checks.model.clock import Deadline
from pipeline_checks.orchestration.run_report import FOLDER_VARIABLE, URL_VARIABLE
from pipeline_checks_tests.syntax import ROOT

START_SECONDS = 240
REPORTS = "https://reports.example/shop"
"""Where the pages of runs are said to be served; nothing asks there."""
INSTANCE = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
event_log_storage: {module: pipeline_checks.orchestration.event_log, class: KeptSqliteEventLogStorage, config: {}}
"""
LOCATION = """\
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.verification.discovery import load_pipeline

defs = build_pipeline_definitions(load_pipeline("{pipeline}"))
"""


@dataclass(frozen=True)
class Webserver:
    """A running web server and the name of its code location."""

    url: str
    location: str

    def query(self, text: str) -> Any:
        """Ask as the UI does."""
        answer = httpx.post(f"{self.url}/graphql", json={"query": text}, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"]

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs that were launched, the newest first."""
        found: list[dict[str, Any]] = self.query("{ runsOrError { ... on Runs { results { runId status } } } }")[
            "runsOrError"
        ]["results"]
        return found


@contextmanager
def webserver(folder: Path, pipeline: str) -> Iterator[Webserver]:
    """Start a web server with its instance in ``folder``; stop it at the end."""
    (folder / "dagster.yaml").write_text(INSTANCE)
    location = f"{pipeline}_location.py"
    (folder / location).write_text(LOCATION.format(pipeline=pipeline))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "web.log"
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    environment |= {FOLDER_VARIABLE: str(folder / "reports"), URL_VARIABLE: REPORTS}
    command = [
        str(Path(sys.executable).parent / "dagster-webserver"),
        "-f",
        location,
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
        try:
            running = Webserver(f"http://127.0.0.1:{port}", location)

            def loaded() -> bool:
                assert process.poll() is None, log.read_text()[-3000:]
                try:
                    data = running.query("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
                except httpx.HTTPError:
                    return False
                return bool(data["repositoriesOrError"].get("nodes"))

            assert Deadline(START_SECONDS).wait_until(loaded, every=0.5), log.read_text()[-3000:]
            yield running
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
