"""Brokers for the runner of the integration tests: a process of this machine, or a container."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Protocol

from pipeline_checks.model.errors import TerminalError

COMPOSE_FILE: Final = Path(__file__).with_name("kafka.compose.yaml")
_PROJECT: Final = "pipeline-checks-kafka-tests"
_COMPOSE_SERVERS: Final = "127.0.0.1:19093"


class Broker(Protocol):
    """A broker that the runner starts and stops."""

    servers: str

    def see_prerequisites(self) -> None:
        """Raise an error of the project when something needed is not there."""
        ...

    def start(self) -> None:
        """Start it."""
        ...

    def stop(self) -> None:
        """Stop it and remove what it left; does nothing when it was not started."""
        ...

    def copy_log(self, file: Path) -> None:
        """Write its log to a file, an empty one when there is none."""
        ...

    def how_to_stop(self) -> str:
        """Return the command that ends a broker that was kept."""
        ...


class ProcessBroker:
    """Kafka as a process, under a home of its own."""

    def __init__(self, home: Path | None) -> None:
        from pipeline_checks.stack.embedded import EmbeddedProvider

        self._made = home is None
        self._home = home or Path(tempfile.mkdtemp(prefix="kafka-integration-"))
        self._provider = EmbeddedProvider(self._home)
        self.servers = ""

    def see_prerequisites(self) -> None:
        """Find a Java runtime."""
        from pipeline_checks.stack.java import find_java

        find_java()

    def start(self) -> None:
        """Start Kafka; one that is up in the home already is used."""
        from pipeline_checks.stack.environment import read_env
        from pipeline_checks.stack.services.kafka import kafka

        self._provider.up([kafka()])
        self.servers = read_env(self._provider.home)["KAFKA_BOOTSTRAP_SERVERS"]

    def stop(self) -> None:
        """Stop Kafka and remove its data."""
        self._provider.down(purge=True)
        if self._made:
            shutil.rmtree(self._home, ignore_errors=True)

    def copy_log(self, file: Path) -> None:
        """Copy the broker's log."""
        log = self._provider.home.log("kafka")
        file.write_bytes(log.read_bytes() if log.exists() else b"")

    def how_to_stop(self) -> str:
        """Name the home."""
        return f"stop it with: PIPELINE_CHECKS_HOME={self._home} pipeline-checks down --purge"


class ComposeBroker:
    """Kafka as a container."""

    servers = _COMPOSE_SERVERS

    def see_prerequisites(self) -> None:
        """Find Docker and its compose plugin."""
        if shutil.which("docker") is None or self._compose("version").returncode != 0:
            raise TerminalError("Docker with its compose plugin is not there.", next_step="Use --mode process.")

    def start(self) -> None:
        """Start the container and wait until it is healthy."""
        done = self._compose("up", "--detach", "--wait")
        if done.returncode != 0:
            raise TerminalError(f"docker compose up failed: {done.stdout.strip()[-500:]}")

    def stop(self) -> None:
        """Remove the container and its volumes."""
        if shutil.which("docker") is not None:
            self._compose("down", "--volumes")

    def copy_log(self, file: Path) -> None:
        """Write what the container has said."""
        there = shutil.which("docker") is not None
        file.write_text(self._compose("logs", "--no-color").stdout if there else "")

    def how_to_stop(self) -> str:
        """Name the compose project."""
        return f"stop it with: docker compose -p {_PROJECT} -f {COMPOSE_FILE} down --volumes"

    def _compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["docker", "compose", "-p", _PROJECT, "-f", str(COMPOSE_FILE), *words]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def broker_of(mode: str, home: Path | None) -> Broker:
    """Return the broker of a mode."""
    return ComposeBroker() if mode == "compose" else ProcessBroker(home)
