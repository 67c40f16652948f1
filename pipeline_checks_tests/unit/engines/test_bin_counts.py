"""How values fall into bins: by edges, by categories; what has no value falls into none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipeline_checks.engines.bin_counts import bin_counts
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.row_promises import BinCounts, BinnedValues


def counted(values: list[Any], measure: BinCounts, type_: Any = None) -> BinnedValues:
    """Count in each of the forms in which stages hand out rows; all must agree."""
    table = pa.table({"x": pa.array(values, type_)})

    def frame(columns: Sequence[str] | None) -> Any:
        found = pl.from_arrow(table)
        assert isinstance(found, pl.DataFrame)
        return found.lazy()

    first = bin_counts(lambda _: table, measure)
    assert bin_counts(frame, measure) == bin_counts(lambda _: table.to_reader(max_chunksize=2), measure) == first
    return first


def test_a_bin_holds_its_upper_edge() -> None:
    assert counted([1, 10, 11, 20, 21, None], BinCounts("x", (10, 20))) == BinnedValues((2, 2, 1), 1)


def test_nan_is_no_value_and_infinity_lies_above_all_edges() -> None:
    assert counted([math.nan, math.inf, -math.inf, 0.5], BinCounts("x", (0.0,))) == BinnedValues((1, 2), 1)


def test_decimals_and_times_have_an_order_too() -> None:
    assert counted([Decimal("1.10"), Decimal("3.00")], BinCounts("x", (2.0,)), pa.decimal128(10, 2)).counts == (1, 1)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert counted([noon, None], BinCounts("x", (noon.timestamp() - 1,))) == BinnedValues((0, 1), 1)


def test_categories_have_a_bin_each_and_one_for_all_others() -> None:
    measure = BinCounts("x", categories=("new", "paid"))
    assert counted(["new", "paid", "new", "lost", None], measure) == BinnedValues((2, 1, 1), 1)


def test_no_rows_leave_all_bins_empty() -> None:
    assert counted([], BinCounts("x", (1.0,)), pa.int64()) == BinnedValues((0, 0))


def test_texts_do_not_fall_between_edges() -> None:
    with pytest.raises(ConfigurationError, match="categories"):
        counted(["a"], BinCounts("x", (1.0,)))
