"""Questions about trades, answered from the data files of one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline_checks.pipelines.market_data.flow.serving.models import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_checks.pipelines.market_data.flow.serving.views import View, Views

ORDER: Final = ("timestamp", "source_sequence", "symbol")
_AT_ONCE: Final = 8
Key = tuple[int, int, str]
"""Timestamp in microseconds, source_sequence and symbol: the place of a trade in the order."""


@dataclass(frozen=True)
class Filter:
    """Which trades are wanted; times in microseconds, the end exclusive.

    Parameters
    ----------
    after:
        Only trades behind this place in the order.
    """

    symbols: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_quantity: Decimal | None = None
    after: Key | None = None

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """Return the bounds within which a file's timestamps must lie."""
        starts = [s for s in (self.start, self.after[0] if self.after else None) if s is not None]
        return max(starts, default=None), self.end

    def expression(self) -> pl.Expr:
        """Return the filter for the engine."""
        parts = [pl.lit(True)]
        if self.symbols:
            parts.append(pl.col("symbol").is_in(self.symbols))
        if self.exchanges:
            parts.append(pl.col("exchange").str.to_uppercase().is_in(self.exchanges))
        at = pl.col("timestamp").dt.timestamp("us")
        if self.start is not None:
            parts.append(at >= self.start)
        if self.end is not None:
            parts.append(at < self.end)
        for bound, column, low in (
            (self.min_price, "price", True),
            (self.max_price, "price", False),
            (self.min_quantity, "quantity", True),
        ):
            if bound is not None:
                value = pl.lit(bound, dtype=pl.Decimal(18, 8))
                parts.append(pl.col(column) >= value if low else pl.col(column) <= value)
        if self.after is not None:
            when, number, symbol = self.after
            same = pl.col("source_sequence") == number
            behind = (pl.col("source_sequence") > number) | (same & (pl.col("symbol") > symbol))
            parts.append((at > when) | ((at == when) & behind))
        return pl.all_horizontal(parts)


def select(
    views: Views,
    view: View,
    wanted: Filter,
    limit: int,
    *,
    offset: int = 0,
    newest_first: bool = True,
    columns: Sequence[str] = FIELDS,
) -> pl.DataFrame:
    """Return trades in the order of time, sequence and symbol; files that cannot matter are not read."""
    start, end = wanted.bounds
    files = [f for f in view.files if f.overlaps(start, end)]
    if not newest_first:
        files.sort(key=lambda f: f.first)
    enough, read = offset + limit, [*dict.fromkeys((*columns, *ORDER, *_needed(wanted)))]
    held: pl.DataFrame | None = None
    at = 0
    while at < len(files) or held is None:
        part = views.read(view, files[at : at + _AT_ONCE], read).lazy().filter(wanted.expression())
        rows = part if held is None else pl.concat([held.lazy(), part], how="vertical_relaxed")
        held = rows.sort(ORDER, descending=newest_first).head(enough).collect()
        at += _AT_ONCE
        if held.height == enough and at < len(files):
            edge = int(held["timestamp"].dt.timestamp("us")[-1])
            following = files[at].last if newest_first else files[at].first
            if following < edge if newest_first else following > edge:
                break
    return held.slice(offset, limit).select(columns)


def _needed(wanted: Filter) -> tuple[str, ...]:
    found = ["symbol", "exchange"]
    if wanted.min_price is not None or wanted.max_price is not None:
        found.append("price")
    if wanted.min_quantity is not None:
        found.append("quantity")
    return tuple(found)


def count(views: Views, view: View, wanted: Filter) -> int:
    """Return how many trades there are."""
    start, end = wanted.bounds
    files = [f for f in view.files if f.overlaps(start, end)]
    total = 0
    for at in range(0, len(files), _AT_ONCE):
        part = views.read(view, files[at : at + _AT_ONCE], [*dict.fromkeys((*ORDER, *_needed(wanted)))])
        total += int(part.lazy().filter(wanted.expression()).select(pl.len()).collect().item())
    return total


def collect(views: Views, view: View, wanted: Filter, columns: Sequence[str]) -> pl.DataFrame:
    """Return columns of all trades that are wanted, in no order."""
    start, end = wanted.bounds
    files = [f for f in view.files if f.overlaps(start, end)]
    read = [*dict.fromkeys((*columns, *ORDER, *_needed(wanted)))]
    return views.read(view, files, read).lazy().filter(wanted.expression()).select(columns).collect()


def shown(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as JSON shows them: decimals and times as text."""
    changes = []
    for name, kind in rows.schema.items():
        if isinstance(kind, pl.Decimal):
            changes.append(pl.col(name).cast(pl.String))
        elif isinstance(kind, pl.Datetime):
            changes.append(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    return rows.with_columns(changes)


def documents(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    return shown(rows).to_dicts()


def file_of(rows: pl.DataFrame, form: str) -> tuple[bytes, str]:
    """Return rows as a file, and its media type."""
    if form == "csv":
        return shown(rows).write_csv().encode(), "text/csv"
    import io

    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue(), "application/vnd.apache.parquet"


def key_of(rows: pl.DataFrame, at: int) -> Key:
    """Return the place of a row in the order."""
    row = rows.select(pl.col("timestamp").dt.timestamp("us"), "source_sequence", "symbol").row(at)
    return int(row[0]), int(row[1]), str(row[2])


def tail_frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of the topic that wait for the table, as the table would hold them."""
    from pipeline_checks.pipelines.market_data.flow.table.rows import arrow_rows

    frame = pl.from_arrow(arrow_rows([dict(r) for r in rows], {}))
    assert isinstance(frame, pl.DataFrame)
    return frame.select(FIELDS)


def merged(table: pl.DataFrame, tail: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return both, newest first, each trade once."""
    rows = pl.concat([table, tail], how="vertical_relaxed")
    rows = rows.unique(["exchange", "symbol", "source_sequence"], keep="first", maintain_order=True)
    return rows.sort(ORDER, descending=True).head(limit)
