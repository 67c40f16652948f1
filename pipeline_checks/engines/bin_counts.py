"""How the values of a column fall into bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.clients.spark_rows import SparkRows
from pipeline_checks.engines.base import RowFactory
from pipeline_checks.engines.frames import lazy_frame
from pipeline_checks.engines.spark_bins import spark_bin_counts
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.row_promises import BinCounts, BinnedValues

if TYPE_CHECKING:
    import polars

_BIN, _ROWS = "bin", "rows"


def bin_counts(rows: RowFactory, measure: BinCounts) -> BinnedValues:
    """Return the number of values in each bin, NULL and NaN apart.

    Numbers and times fall into bins by edges (times as seconds since 1970), all values by their text into categories.
    Raises ConfigurationError for a column that has no order and is given edges.
    """
    import polars as pl

    source = rows([measure.column])
    if isinstance(source, SparkRows) and (told := spark_bin_counts(source, measure)) is not None:
        return told
    column = pl.col(measure.column)
    frame = lazy_frame(source, [measure.column])
    dtype = frame.collect_schema()[measure.column]
    if measure.categories:
        places = {category: i for i, category in enumerate(measure.categories)}
        text = column.cast(pl.String)
        number = text.replace_strict(places, default=len(places), return_dtype=pl.Int64)
        bins = pl.when(column.is_not_null()).then(number)
        size = len(places) + 1
    else:
        value = _number(column, dtype, measure.column)
        known = value.is_not_null() & value.is_not_nan()
        passed = [(value > edge).cast(pl.Int64) for edge in measure.edges]  # a bin holds its upper edge
        bins = pl.when(known).then(pl.sum_horizontal(passed))
        size = len(measure.edges) + 1
    counted = frame.select(bins.alias(_BIN)).collect(engine="streaming").group_by(_BIN).agg(pl.len().alias(_ROWS))
    found: dict[int | None, int] = dict(counted.iter_rows())
    return BinnedValues(tuple(found.get(i, 0) for i in range(size)), found.get(None, 0))


def _number(column: polars.Expr, dtype: polars.DataType, name: str) -> polars.Expr:
    import polars as pl

    if dtype.is_numeric() or dtype.is_decimal() or dtype == pl.Boolean:
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 1e6
    raise ConfigurationError(
        f"column {name} ({dtype}) has no numbers that fall between edges.",
        next_step="Give its reference by categories.",
    )
