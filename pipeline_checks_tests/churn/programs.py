"""Producer and consumer as a user runs them: processes with options, exit codes, logs and summaries."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks_tests.churn.forked import ForkedProcess
from pipeline_checks_tests.churn.topics import Topics


@dataclass(frozen=True)
class Ended:
    """A program that has ended; ``summary`` is empty when it wrote none."""

    code: int
    seconds: float
    summary: dict[str, Any]
    log: list[dict[str, Any]]
    errors: str


class Program:
    """A running program."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._name = name
        self._summary = folder / "summary.json"
        self._errors = folder / "stderr.txt"
        folder.mkdir(parents=True)
        options = ["--log-dir", str(folder), "--summary-file", str(self._summary)]
        self.process = ForkedProcess(name, [*arguments, *options], folder, self._errors)

    @property
    def errors(self) -> str:
        """What it has written to its standard error."""
        return self._errors.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of its log."""
        file = self._folder / f"kafka_{self._name}.log"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_until_said(self, text: str, seconds: float = 30) -> str:
        """Wait until a line of its standard error holds the text; return that line."""

        def said() -> str | None:
            assert self.process.poll() is None, self.errors
            return next((line for line in self.errors.splitlines() if text in line), None)

        line = Deadline(seconds).wait_until(said, every=0.02)
        assert line, f"{text!r} was not said: {self.errors}"
        return line

    def wait(self, seconds: float = 60) -> Ended:
        """Wait until it ends by itself."""
        begun = monotonic()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self._name} did not end within {seconds} s: {self.errors[-3000:]}") from None
        summary = json.loads(self._summary.read_bytes()) if self._summary.exists() else {}
        return Ended(code, monotonic() - begun, summary, self.log, self.errors)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> Ended:
        """Tell it to end, and wait until it has."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it has gone."""
        self.process.kill()
        self.process.wait()


class Programs:
    """Starts producers and consumers, each in a folder of its own."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self._started: list[Program] = []

    def consumer(self, topics: Topics, *options: str, group: str | None = None) -> Program:
        """Start a consumer of the test's topics."""
        return self._start(
            "consumer",
            *("--broker", topics.broker, "--input-topic", topics.raw, "--output-topic", topics.predictions),
            *("--deadletter-topic", topics.dead_letters, "--consumer-group", group or topics.group),
            *("--model-path", str(self.model), "--session-timeout-ms", "6000"),
            *options,
        )

    def consume_all(self, topics: Topics, *options: str, seconds: float = 60) -> Ended:
        """Run a consumer until everything is committed that the input topic holds now, then tell it to end."""
        consumer = self.consumer(topics, *options)

        def ended() -> bool:
            return consumer.process.poll() is not None

        Deadline(seconds).wait_until(lambda: "partitions assigned" in consumer.errors or ended(), every=0.02)
        topics.wait_until_consumed(seconds, ended)
        return consumer.stop()

    def consume_batch(self, topics: Topics, *options: str) -> Ended:
        """Run a consumer that ends by itself."""
        return self.consumer(topics, "--mode", "batch", "--timeout-ms", "1500", *options).wait()

    def producer(self, topics: Topics, dataset: Path, *options: str, mode: str = "batch") -> Program:
        """Start a producer to the test's input topic; its checkpoint lies beside the data set."""
        return self._start(
            "producer",
            *("--mode", mode, "--broker", topics.broker, "--topic", topics.raw, "--dataset-path", str(dataset)),
            *("--checkpoint-file", str(dataset.with_suffix(".checkpoint.json"))),
            *options,
        )

    def produce_all(self, topics: Topics, dataset: Path, *options: str) -> Ended:
        """Run a producer in batch mode to its end."""
        return self.producer(topics, dataset, *options).wait()

    def kill_all(self) -> None:
        """Kill what still runs."""
        for program in self._started:
            if program.process.poll() is None:
                program.kill()

    def _start(self, name: str, *arguments: str) -> Program:
        folder = self.folder / f"{name}-{len(self._started)}"
        program = Program(name, arguments, folder)
        self._started.append(program)
        return program
