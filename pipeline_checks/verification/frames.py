"""Rows of a pinned stage as polars frames, in whatever form the stage hands them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.stage import PinnedStage

if TYPE_CHECKING:
    import polars


def lazy_rows(pinned: PinnedStage, columns: Sequence[str]) -> polars.LazyFrame:
    """Return some columns of all rows. Of a topic these are its events."""
    import polars as pl
    import pyarrow

    rows: Any = pinned.rows(columns)
    if isinstance(rows, pl.LazyFrame):
        return rows.select(*columns)
    # A stream without a batch has a schema all the same, which polars does not ask it for.
    frame = pl.from_arrow(rows if isinstance(rows, pyarrow.Table) else rows.read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame.select(*columns).lazy()
