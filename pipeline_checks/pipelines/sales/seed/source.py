"""The source of the pipeline: files of lines in the input folder of the running stack, and store events."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.catalogue import products, write_reference
from pipeline_checks.pipelines.sales.seed.edges import edge_rows, write_edge_files
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, generate
from pipeline_checks.pipelines.sales.seed.scenarios import ALIASES, DATA_SETS, EDGE_FILES, DataSet

CHANGED_ROWS: Final = 100
"""How many lines a change adds, in a file of their own."""
_EVENTS_IN_ROWS: Final = 10
"""One event for so many lines, where the number of lines is given."""
_PRODUCER: Final = "pipeline_checks.pipelines.sales.flow.producer"
_PRODUCER_SECONDS: Final = 600
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class SourceSummary:
    """What was written now, and what the whole source must come to."""

    seed: int
    files: tuple[str, ...]
    rows: int
    events: int
    expected: dict[str, int]
    seconds: float

    def expected_counts(self) -> dict[str, int]:
        """Return how many rows each stage must hold when nobody else writes."""
        return dict(self.expected)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**self.__dict__, "files": list(self.files)}


def input_path() -> Path:
    """Return the folder of the files of the running stack."""
    return Path(setting("SALES_INPUT_PATH"))


def is_empty() -> bool:
    """Whether the source holds no files."""
    return not any(input_path().glob("*.csv"))


def seed(rows: int | None, seed: int, scenario: str = "default", progress: Progress | None = None) -> SourceSummary:
    """Write a file of lines, with its truth, and send it and store events.

    Equal seeds on one day give equal lines in an empty source. ``rows`` None takes the scenario's own sizes.
    Raises ConfigurationError for a scenario that is not known.
    """
    name = ALIASES.get(scenario, scenario)
    if name == EDGE_FILES:
        return _edge_files(seed, progress)
    if name not in DATA_SETS:
        known = ", ".join((*DATA_SETS, EDGE_FILES))
        raise ConfigurationError(f"there is no seed {scenario!r}.", next_step=f"There are: {known}.")
    return _add(DATA_SETS[name], rows, seed, progress)


def change(seed: int, *, progress: Progress | None = None) -> SourceSummary:
    """Add another, smaller file, with faults of every kind, and some more events."""
    return _add(DATA_SETS["data_quality"], CHANGED_ROWS, seed + 1, progress)


def send_lines(path: Path, *options: str) -> dict[str, Any]:
    """Send the lines of a file and return what the producer did; raises TerminalError with what it says if it fails."""
    return _produce("--lines", str(path), *options)


def send_events(count: int, seed: int, *options: str) -> dict[str, Any]:
    """Send store events, with their truth in the input folder, and return what the producer did."""
    truth = input_path() / f"events_{count}_{seed}.truth.json"
    return _produce("--events", str(count), "--seed", str(seed), "--truth", str(truth), *options)


def prepare_reference(config: DataGenerationConfig) -> None:
    """Write the reference files unless they are there."""
    folder = Path(setting("SALES_REFERENCE_PATH"))
    if not (folder / "products.csv").exists() or not (folder / "stores.csv").exists():
        write_reference(folder, products(config.num_products, config.last_day), config.num_stores)


def write_data_set(path: Path, data: DataSet, rows: int, seed: int, first_order: int = 1) -> dict[str, Any]:
    """Write the file of a data set and return its truth."""
    config = _config(data, rows, seed, first_order)
    made = generate(config, edge_rows(config) if data.edges else ())
    csv_file.write(path, csv_file.encoded(made.rows), {**made.truth.document, "next_order": made.next_order})
    return made.truth.document


def _config(data: DataSet, rows: int, seed: int, first_order: int = 1) -> DataGenerationConfig:
    return DataGenerationConfig(
        rows,
        seed,
        error_rate=data.error_rate,
        duplicate_rate=data.duplicate_rate,
        null_rate=data.null_rate,
        first_order=first_order,
    )


def _add(data: DataSet, rows: int | None, seed: int, progress: Progress | None) -> SourceSummary:
    begun, folder = monotonic(), input_path()
    lines = data.rows if rows is None else rows
    events = data.events if rows is None else max(1, rows // _EVENTS_IN_ROWS)
    before = _truths(folder)
    prepare_reference(_config(data, lines, seed))
    path = folder / f"sales_{len(before) + 1:04d}_{data.name}.csv"
    write_data_set(path, data, lines, seed, max((t.get("next_order", 1) for t in before), default=1))
    sent = send_lines(path)["records"]
    if progress is not None:
        progress("lines", sent)
    # Of an equal seed the producer would take the events for those that were sent already.
    send_events(events, seed + 1000 * len(before))
    if progress is not None:
        progress("events", events)
    return _summary(seed, (path.name,), sent, events, begun)


def _edge_files(seed: int, progress: Progress | None) -> SourceSummary:
    begun, folder = monotonic(), input_path()
    config = DataGenerationConfig(1, seed)
    prepare_reference(config)
    paths = [p for p in write_edge_files(folder, config) if csv_file.read_truth(p)["outcome"] == "sent"]
    sent = sum(send_lines(path)["records"] for path in paths)
    if progress is not None:
        progress("lines", sent)
    return _summary(seed, tuple(p.name for p in paths), sent, 0, begun)


def _truths(folder: Path) -> list[dict[str, Any]]:
    return [csv_file.read_truth(p) for p in sorted(folder.glob("*.csv")) if csv_file.truth_path(p).exists()]


def _summary(seed: int, files: tuple[str, ...], rows: int, events: int, begun: float) -> SourceSummary:
    folder = input_path()
    lines = [t["counts"] for t in _truths(folder) if t["outcome"] == "sent"]
    sent = [orjson.loads(p.read_bytes())["counts"] for p in sorted(folder.glob("events_*.truth.json"))]
    expected = {
        "csv_files": sum(c["lines"] for c in lines),
        "topic_sales_lines": sum(c["lines"] for c in lines),
        "sales_silver": sum(c["silver"] for c in lines),
        "sales_quarantine": sum(c["rejected"] + c["duplicate"] for c in lines),
        "topic_sales_events": sum(c["messages"] for c in sent),
        "events_silver": sum(c["silver"] for c in sent),
        "events_quarantine": sum(c["rejected"] + c["duplicate"] for c in sent),
    }
    return SourceSummary(seed, files, rows, events, expected, monotonic() - begun)


def _produce(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", _PRODUCER, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PRODUCER_SECONDS)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise TerminalError(f"the producer failed ({done.returncode}): {last}", next_step="Correct that, seed again.")
    result: dict[str, Any] = orjson.loads(done.stdout)
    return result
