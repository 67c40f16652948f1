"""The load under which faults happen: a file of sound lines that is sent line by line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.clients.kafka_records import ends
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.pipelines.sales.flow.tables import LINES_TOPIC
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS
from pipeline_checks.pipelines.sales.seed.source import input_path, write_data_set

_PRODUCER = "pipeline_checks.pipelines.sales.flow.producer"
_INTERVAL = 0.02
"""Seconds between two lines."""
_BEGUN = 20
"""Lines that have arrived when a fault happens."""
_SECONDS = 120.0


def new_file(rows: int, name: str = "error_recovery") -> Path:
    """Write a file of sound lines, of orders that no other file has, and return its path."""
    folder = input_path()
    known = [csv_file.read_truth(p) for p in folder.glob("*.csv") if csv_file.truth_path(p).exists()]
    first = max((t.get("next_order", 1) for t in known), default=1)
    path = folder / f"sales_{len(known) + 1:04d}_{name}.csv"
    write_data_set(path, DATA_SETS["error_recovery"], rows, 7 + len(known), first)
    return path


def sent() -> int:
    """Return how many lines the topic has taken."""
    return sum(ends(setting("KAFKA_BOOTSTRAP_SERVERS"), [LINES_TOPIC])[LINES_TOPIC].values())


def send(path: Path, *options: str, seconds: float = _SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the producer to its end, and return how it ended."""
    command = [sys.executable, "-m", _PRODUCER, "--lines", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)


@dataclass
class Load:
    """A producer that sends a file line by line, in a process of its own; ``brokers`` where not the stack's."""

    path: Path
    brokers: str | None = None
    process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Start it, and wait until the first lines have arrived."""
        before = sent()
        command = [sys.executable, "-m", _PRODUCER, "--lines", str(self.path), "--interval", str(_INTERVAL)]
        command += ["--brokers", self.brokers] if self.brokers else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not Deadline(_SECONDS).wait_until(lambda: sent() >= before + _BEGUN):
            raise TransientError("no lines have arrived.", next_step="See that Kafka runs.")

    def require_running(self) -> None:
        """Raise TerminalError where everything was sent before the fault: then it happened under no load."""
        if self.process is None or self.process.poll() is not None:
            raise TerminalError("the load had ended before the fault was there.", next_step="Send more lines.")

    def finish(self) -> None:
        """Wait until everything is sent; what the producer gave up is sent by another one, as an operator would."""
        assert self.process is not None
        try:
            _, said = self.process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise TransientError("the producer does not come to its end.", next_step="See that Kafka runs.") from None
        if self.process.returncode != 0:
            again = send(self.path)
            if again.returncode != 0:
                last = (again.stderr.strip() or said.strip()).splitlines()[-1:]
                raise TransientError(f"the producer failed: {' '.join(last)}", next_step="Look at its log.")

    def end(self) -> None:
        """End it, however far it is."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def is_away(ask: object) -> bool:
    """Whether asking fails as something that is not there does."""
    try:
        ask()  # type: ignore[operator]
    except PipelineChecksError:
        return True
    return False
