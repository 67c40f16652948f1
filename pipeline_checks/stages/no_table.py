"""A table that does not exist, as a stage: nothing is in it."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import DuplicateKeys, DuplicateSample, Facts, Measure, Measured, RowCount
from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import Rows, exact


class NoTable:
    """Answers that there are no rows: a table that files are loaded into is made with the first of them."""

    def __init__(self, name: str) -> None:
        self.position = SnapshotPosition(None, 0)
        self._name = name

    def schema(self) -> Schema:
        """Return no columns."""
        return Schema((), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return that there are no rows and no commits."""
        told: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, RowCount):
                told[measure] = exact(0)
            elif isinstance(measure, Facts):
                told[measure] = exact([])
            elif isinstance(measure, DuplicateKeys):
                told[measure] = exact(DuplicateSample(0, 0))
        return told

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Raise TerminalError: there is no table."""
        raise TerminalError(f"there is no table {self._name}.")
