"""Damages of the files: a line that was changed after it was sent, and one that is not sent at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.faults.expectation import ExpectedFinding, finding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.scenarios.words import FILES, LINES, scenario, totals
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.source import input_path

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class ChangedFile:
    """The first file that was sent is changed: ``change`` alters its rows and returns the number of the row."""

    name: str
    description: str
    change: Callable[[Rows], int]

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the files of the pipeline."""
        return target.is_stage and target.name == FILES

    def plan(self, target: Target) -> Injury:
        """Return the row, and where the file is kept meanwhile; raises TerminalError when there is no file."""
        path = _file()
        key = {"source_file": path.name, "source_row_number": self.change(_rows(path))}
        undo = {"path": str(path), "kept": str(path.with_suffix(".before"))}
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({key})", (key,), undo=undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Change it."""
        path, kept = Path(injury.undo["path"]), Path(injury.undo["kept"])
        kept.write_bytes(path.read_bytes())
        rows = _rows(path)
        self.change(rows)
        path.write_bytes(csv_file.encoded(rows))
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put it back."""
        kept = Path(injury.undo["kept"])
        if kept.exists():
            kept.replace(injury.undo["path"])


def files() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield scenario(
        ChangedFile("changed_line", "A line is changed after it was sent", _other_city), FILES, _changed, (LINES,)
    )
    yield scenario(
        ChangedFile("changed_amount", "Sales are 0.01 more than what was sent", _cent), FILES, _cents, (LINES,)
    )
    yield scenario(ChangedFile("line_not_sent", "A line is added and not sent", _one_more), FILES, _missing, (LINES,))


def _changed(injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(LINES, "reconcile", "changed", key=injury.keys[0])


def _cents(injury: Injury) -> Iterator[ExpectedFinding]:
    yield from _changed(injury)
    yield from totals("changed", LINES, injury.keys[0])


def _missing(injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(LINES, "counts", "missing", key=injury.keys[0])
    yield from totals("missing", LINES, injury.keys[0])


def _other_city(rows: Rows) -> int:
    rows[len(rows) // 2]["City"] = "Atlantis"
    return len(rows) // 2 + 1


def _cent(rows: Rows) -> int:
    row = rows[len(rows) // 3]
    whole, _, cents = row["Sales"].partition(".")
    row["Sales"] = f"{whole}.{(int(cents or 0) + 1) % 100:02d}"
    return len(rows) // 3 + 1


def _one_more(rows: Rows) -> int:
    rows.append({**rows[0], "Order ID": "ORDER_99999999"})
    return len(rows)


def _rows(path: Path) -> Rows:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def _file() -> Path:
    for path in sorted(input_path().glob("sales_*.csv")):
        if csv_file.read_truth(path)["counts"]["silver"]:
            return path
    raise TerminalError("there is no file of lines.", next_step="Seed the pipeline first.")
