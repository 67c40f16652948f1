"""The source of the pipeline: the CSV of the running stack, and the producer that publishes what is new in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.churn.seed import dataset
from pipeline_checks.pipelines.churn.seed.customers import customers

CHANGED_ROWS: Final = 500
"""How many customers a change adds: rows of a CSV are added only."""
_PRODUCER: Final = "pipeline_checks.pipelines.churn.flow.producer"
_PRODUCER_SECONDS: Final = 600

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class SourceSummary:
    """What was written: ``rows`` now, ``count`` altogether."""

    seed: int
    rows: int
    count: int
    seconds: float

    def expected_counts(self) -> dict[str, int]:
        """Return how many customers the file must hold."""
        return {"customers": self.count}

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def dataset_path() -> Path:
    """Return the file of the running stack."""
    return Path(setting("CHURN_DATASET_PATH"))


def is_empty() -> bool:
    """Whether the file holds no customers."""
    return dataset.count(dataset_path()) == 0


def seed(rows: int, seed: int, scenario: str = "default", progress: Progress | None = None) -> SourceSummary:
    """Add customers to the file and publish them; equal seeds give equal ones in an empty file."""
    if scenario != "default":
        raise ConfigurationError(f"there is no seed {scenario!r}.", next_step="There is one: default.")
    return _add(rows, seed, progress)


def change(seed: int, *, progress: Progress | None = None) -> SourceSummary:
    """Add some more customers and publish them while the earlier ones move."""
    return _add(CHANGED_ROWS, seed + 1, progress)


def publish(path: Path, *options: str) -> None:
    """Publish what a file holds beyond the checkpoint that lies beside it; raises TerminalError when that fails."""
    arguments = {
        "--mode": "batch",
        "--broker": setting("KAFKA_BOOTSTRAP_SERVERS"),
        "--dataset-path": str(path),
        "--checkpoint-file": str(path.with_suffix(".checkpoint.json")),
        "--batch-size": "1000",
        "--at-end": "stay",
        "--log-dir": str(path.parent / "logs"),
    }
    command = [sys.executable, "-m", _PRODUCER, *(word for pair in arguments.items() for word in pair), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PRODUCER_SECONDS)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise TerminalError(f"the producer failed: {last}", next_step=f"Look at its log in {path.parent / 'logs'}.")


def _add(rows: int, seed: int, progress: Progress | None) -> SourceSummary:
    begun, path = monotonic(), dataset_path()
    there = dataset.count(path)
    made = customers(rows, seed, first=there)
    if there:
        dataset.append(path, made)
    else:
        dataset.write(path, made)
    publish(path)
    if progress is not None:
        progress("customers", rows)
    return SourceSummary(seed, rows, there + rows, monotonic() - begun)
