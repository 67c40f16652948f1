"""Rows as polars frames, in whatever form a stage hands them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.model.stage import PinnedStage

if TYPE_CHECKING:
    import polars

    from pipeline_checks.model.stage import Rows


def lazy_rows(pinned: PinnedStage, columns: Sequence[str]) -> polars.LazyFrame:
    """Return some columns of all rows of a stage. Of a topic these are its events."""
    return lazy_frame(pinned.rows(columns), columns)


def lazy_frame(rows: Rows, columns: Sequence[str]) -> polars.LazyFrame:
    """Return some columns of rows."""
    import polars as pl
    import pyarrow

    if isinstance(rows, pl.LazyFrame):
        return rows.select(*columns)
    # A stream without a batch has a schema all the same, which polars does not ask it for.
    frame = pl.from_arrow(rows if isinstance(rows, pyarrow.Table) else rows.read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame.select(*columns).lazy()
