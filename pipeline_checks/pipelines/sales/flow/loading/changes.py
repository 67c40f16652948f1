"""What changed in a Delta table between two of its versions, by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipeline_checks.pipelines.sales.flow.lake.covers import Covers
from pipeline_checks.pipelines.sales.flow.lake.table import last_covers

_CHANGE, _VERSION = "_change_type", "_commit_version"


@dataclass(frozen=True)
class Changes:
    """Rows to be written and keys to be removed, so that what equals version ``since`` equals ``version``.

    ``since`` None is no version: ``written`` is then the whole table.
    """

    version: int
    since: int | None
    covers: Covers
    written: pl.DataFrame
    removed: pl.DataFrame


def newest(uri: str) -> DeltaTable | None:
    """Return the table at its newest version, None while there is none."""
    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        return None


def changes(table: DeltaTable, since: int | None, names: Sequence[str], key: Sequence[str]) -> Changes:
    """Return what changed from ``since`` to the version at which ``table`` is open."""
    version, covers = table.version(), last_covers(table)
    if since is None:
        whole = _frame(table.scan(columns=list(names)))
        return Changes(version, None, covers, whole, whole.select(key).clear())
    feed = _frame(table.load_cdf(starting_version=since + 1, ending_version=version))
    last = (
        feed.filter(pl.col(_CHANGE) != "update_preimage")
        # Within one version a row that is deleted and inserted is there afterwards.
        .sort(_VERSION, pl.col(_CHANGE) != "delete")
        .unique(key, keep="last", maintain_order=True)
    )
    gone = pl.col(_CHANGE) == "delete"
    return Changes(version, since, covers, last.filter(~gone).select(names), last.filter(gone).select(key))


def _frame(reader: object) -> pl.DataFrame:
    read = pl.from_arrow(pa.RecordBatchReader.from_stream(reader).read_all())
    assert isinstance(read, pl.DataFrame)
    return read
