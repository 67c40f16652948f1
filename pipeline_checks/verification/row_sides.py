"""Rows of one stage in the form in which two stages are compared: their hashes, their values, and where each stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.row_hashes import RowForm
from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.position import OffsetsPosition, Position

if TYPE_CHECKING:
    import polars

    from pipeline_checks.model.stage import PinnedStage, Rows

Key = tuple[Any, ...]
"""Values of the key columns in canonical form."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """Rows that a stage must agree with: their hashes, and where their values are read when one differs.

    ``rows`` gives the rows anew. ``places`` has the partition and offset in ``topic`` of the event that each row is of;
    without it all rows stand at ``position``.
    """

    stage: str
    form: RowForm
    hashes: polars.DataFrame
    rows: Callable[[], Rows]
    position: Position | None
    places: polars.DataFrame | None = None
    topic: str = ""

    @classmethod
    def read(cls, stage: str, form: RowForm, rows: Callable[[], Rows], position: Position | None) -> Side:
        """Read the rows once, into their hashes."""
        return cls(stage, form, form.hashed(rows()), rows, position)

    @classmethod
    def of(cls, stage: str, pinned: PinnedStage, form: RowForm) -> Side:
        """Return all rows of a pinned stage."""
        return cls.read(stage, form, lambda: pinned.rows(form.reads), pinned.position)

    def values(self, keys: polars.DataFrame) -> dict[Key, list[Row]]:
        """Return the rows of some keys, by key."""
        names = [c.name for c in self.form.key]
        found: dict[Key, list[Row]] = {}
        for row in self.form.valued(self.rows(), keys).iter_rows(named=True):
            found.setdefault(tuple(row[n] for n in names), []).append(row)
        return found

    def position_of(self, key: Key) -> Position | None:
        """Return where the row of a key stands."""
        import polars as pl

        if self.places is None:
            return self.position
        names = [c.name for c in self.form.key]
        matching = [pl.col(n).eq_missing(pl.lit(v)) for n, v in zip(names, key, strict=True)]
        found = self.places.filter(pl.all_horizontal(matching))
        if not found.height:
            return None
        return OffsetsPosition.of({self.topic: {found.item(0, PARTITION): found.item(0, OFFSET)}})
