"""The Docker command line: what containers of a project there are, and how each is doing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
RUN_LABEL = "pipeline_checks.stack"
"""Of containers that others start beside the stack, such as Dagster's runs: compose knows nothing of them."""


@dataclass(frozen=True)
class Container:
    """One container, as ``docker inspect`` tells it."""

    document: Mapping[str, Any]

    @property
    def service(self) -> str:
        """The service's name in the compose file."""
        return str(self.document["Config"]["Labels"].get(SERVICE_LABEL, ""))

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.document["Id"])

    @property
    def status(self) -> str:
        """``running``, ``exited``, ``restarting``, ``paused``, ``created`` or ``dead``."""
        return str(self.document["State"]["Status"])

    @property
    def health(self) -> str:
        """``starting``, ``healthy`` or ``unhealthy``; empty where it has no health check."""
        return str((self.document["State"].get("Health") or {}).get("Status", ""))

    @property
    def exit_code(self) -> int:
        """Of the last end."""
        return int(self.document["State"]["ExitCode"])

    @property
    def pid(self) -> int | None:
        """Of its first process on this machine; None when none runs."""
        return int(self.document["State"]["Pid"]) or None

    @property
    def restarts(self) -> int:
        """How often Docker has started it anew by itself."""
        return int(self.document.get("RestartCount", 0))

    @property
    def started(self) -> datetime | None:
        """When it was started last; None when it never was."""
        return _instant(self.document["State"]["StartedAt"])

    @property
    def finished(self) -> datetime | None:
        """When it ended last; None when it never did."""
        return _instant(self.document["State"]["FinishedAt"])

    @property
    def runs(self) -> bool:
        """Whether it has processes or is about to."""
        return self.status in ("running", "restarting", "paused")


def _instant(text: str) -> datetime | None:
    if text.startswith("0001-"):  # Docker's word for never
        return None
    head, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6].ljust(6, '0')}+00:00")


@dataclass(frozen=True)
class Project:
    """A project of Docker Compose: a compose file under a name, with the values of its variables in a file."""

    name: str
    file: Path
    env_file: Path

    def compose(self, *arguments: str, seconds: float = 120.0, check: bool = True) -> str:
        """Run a command of Docker Compose with every profile on and return its standard output.

        Raises ConfigurationError when Docker or its plugin is not there, TransientError when the daemon does not
        answer, TerminalError with the last lines of what else was told.
        """
        options = ("--project-name", self.name, "--env-file", str(self.env_file), "--file", str(self.file))
        return run(("compose", "--progress", "plain", *options, "--profile", "*", *arguments), seconds, check=check)

    def containers(self) -> list[Container]:
        """Return all containers of the project, those that have ended as well."""
        ids = run(("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={self.name}")).split()
        return inspect(ids)

    def container(self, service: str) -> Container | None:
        """Return the container of a service, None when it has none."""
        label = f"label={SERVICE_LABEL}={service}"
        project = f"label={PROJECT_LABEL}={self.name}"
        ids = run(("ps", "--all", "--quiet", "--no-trunc", "--filter", project, "--filter", label)).split()
        return next(iter(inspect(ids)), None)

    def log(self, service: str, lines: int = 8) -> str:
        """Return the last lines that a service wrote, empty when there is no such container."""
        arguments = ("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), service)
        return self.compose(*arguments, check=False).strip()

    def remove_runs(self) -> list[str]:
        """Remove the containers that were started beside the project; return their ids."""
        ids = run(("ps", "--all", "--quiet", "--filter", f"label={RUN_LABEL}={self.name}")).split()
        if ids:
            run(("rm", "--force", "--volumes", *ids))
        return ids


def inspect(ids: Iterable[str]) -> list[Container]:
    """Return what Docker tells of containers; those that have gone meanwhile are left out."""
    wanted = list(ids)
    if not wanted:
        return []
    return [Container(document) for document in json.loads(run(("inspect", *wanted), check=False) or "[]")]


def run(arguments: Sequence[str], seconds: float = 60.0, *, check: bool = True, errors_too: bool = False) -> str:
    """Run ``docker`` and return its standard output, with ``errors_too`` what else it says as well.

    See ``Project.compose`` for what is raised.
    """
    if shutil.which("docker") is None:
        raise ConfigurationError(
            "the program `docker` is not there",
            next_step="Install Docker with its compose plugin, or use another provider.",
        )
    try:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TransientError(
            f"`docker {' '.join(arguments[:2])}` did not end within {seconds:.0f} s",
            next_step="Look at the daemon and at `docker ps --all`.",
        ) from error
    if done.returncode == 0 or not check:
        return done.stdout + done.stderr if errors_too else done.stdout
    raise _refusal(done.stderr, arguments)


class Events:
    """The starts, ends and signs of health of a project's containers, noted while its block runs."""

    def __init__(self, project: str) -> None:
        filters = (f"label={PROJECT_LABEL}={project}", "event=start", "event=die", "event=health_status")
        options = [word for each in filters for word in ("--filter", each)]
        self._command = ["docker", "events", "--format", "{{json .}}", *options]
        self._lines: list[str] = []

    def __enter__(self) -> Events:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environment()
        )
        self._reader = threading.Thread(target=self._read, name="docker-events", daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.append(line)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join(5)

    def times(self) -> dict[str, tuple[datetime, datetime]]:
        """Return by service in the compose file when it was started, and when it was healthy or had run to its end.

        Services that were not started, or did not get so far, are left out.
        """
        started: dict[str, datetime] = {}
        ready: dict[str, datetime] = {}
        for line in self._lines:
            event = json.loads(line)
            service = str(event["Actor"]["Attributes"].get(SERVICE_LABEL, ""))
            at, what = datetime.fromtimestamp(event["timeNano"] / 1e9, UTC), str(event["Action"])
            if what == "start":
                started[service] = at
                ready.pop(service, None)
            elif what == "health_status: healthy" or (
                what == "die" and event["Actor"]["Attributes"].get("exitCode") == "0"
            ):
                ready.setdefault(service, at)
        return {name: (at, ready[name]) for name, at in started.items() if name in ready}


def _refusal(text: str, arguments: Sequence[str]) -> Exception:
    if "docker daemon running" in text or "Cannot connect to the Docker daemon" in text or "permission denied" in text:
        return TransientError(
            f"the Docker daemon does not answer: {text.strip().splitlines()[-1]}",
            next_step="Start it, or set DOCKER_HOST to where it listens.",
        )
    if "is not a docker command" in text or "unknown shorthand flag: 'p'" in text or "unknown flag: --p" in text:
        return ConfigurationError(
            "Docker has no compose plugin", next_step="Install docker-compose-plugin (2.24 or newer)."
        )
    lines = [line for line in text.splitlines() if line.strip()][-8:]
    return TerminalError(
        f"`docker {arguments[0]}` failed: " + "\n  ".join(lines), next_step="Look at `docker ps --all` and its logs."
    )


def _environment() -> dict[str, str]:
    """Return the environment without the variables that the compose file asks for: its own file says them."""
    hidden = ("COMPOSE_", "PIPELINE_CHECKS_", "POSTGRES_", "S3_", "MARKET_", "INGESTION_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
