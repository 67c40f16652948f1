"""What statistics prove: only what is certain is told, the rest stays open for a scan."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Measure,
    Minimum,
    NotIn,
    RowCount,
    Violations,
    ViolationSample,
)
from pipeline_checks.stages.lake_statistics import ColumnStatistics, columns_of, proved

NULLS = Violations(IsNull("c"))
NONE = ViolationSample(0)


def told(measure: Measure, statistics: ColumnStatistics | None, type_: str = "int64") -> Any:
    """Return the value that the statistics of ``c`` prove, "open" when they prove none."""
    found = proved([measure], {"c": LogicalType.parse(type_)}, lambda _: statistics)
    return found[measure].value if found else "open"


WHOLE = ColumnStatistics(10, nulls=2, nans=0, lower=3, upper=9, are_values=True, counts_rows=True)
SOME_DELETED = ColumnStatistics(10, nulls=2, nans=0, lower=3, upper=9, are_values=True)


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (Minimum("c"), 3),
        (Maximum("c"), 9),
        (NULLS, ViolationSample(2)),
        (Violations(IsNull("c"), ("id",)), "open"),
        (Violations(Below("c", 3)), NONE),
        (Violations(Below("c", 4)), "open"),
        (Violations(Above("c", 9), ("id",)), NONE),
        (Violations(Above("c", 8)), "open"),
        (Violations(Above("c", 8.5)), "open"),
        (Violations(NotIn("c", (3, 9))), "open"),
        (DuplicateKeys(("c",)), "open"),
        (RowCount(), "open"),
        (Minimum("other"), "open"),
    ],
)
def test_of_files_without_deleted_rows_everything_certain_is_told(measure: Measure, value: Any) -> None:
    assert told(measure, WHOLE) == value


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (Minimum("c"), "open"),
        (Maximum("c"), "open"),
        (NULLS, "open"),
        (Violations(Below("c", 3)), NONE),
        (Violations(Above("c", 9)), NONE),
    ],
)
def test_with_deleted_rows_only_that_nothing_is_broken_is_told(measure: Measure, value: Any) -> None:
    assert told(measure, SOME_DELETED) == value
    assert told(NULLS, ColumnStatistics(10, nulls=0)) == NONE


def test_a_limit_that_cannot_be_compared_is_left_to_the_engine_which_says_so() -> None:
    assert told(Violations(Below("c", "x")), WHOLE) == "open"


def test_a_column_of_nulls_has_no_extremes_and_breaks_no_range() -> None:
    nulls = ColumnStatistics(4, nulls=4, counts_rows=True)
    assert told(Minimum("c"), nulls) is None
    assert told(Violations(Below("c", 3)), nulls) == told(Violations(Above("c", 3)), nulls) == NONE
    deleted = ColumnStatistics(4, nulls=4)
    assert told(Minimum("c"), deleted) == "open"
    assert told(Violations(Above("c", 3)), deleted) == NONE


def test_nothing_is_told_of_what_no_file_tells() -> None:
    unknown = ColumnStatistics(4, counts_rows=True)
    for measure in (Minimum("c"), NULLS, Violations(Below("c", 3))):
        assert told(measure, unknown) == told(measure, None) == "open"


def test_nan_is_above_every_limit_and_below_none() -> None:
    floats = {"rows": 3, "nulls": 0, "lower": 1.0, "upper": 2.0, "are_values": True, "counts_rows": True}
    with_nan, without, unknown = (ColumnStatistics(**floats, nans=n) for n in (1, 0, None))
    for each in (with_nan, without, unknown):
        assert told(Violations(Below("c", 1.0)), each, "float64") == NONE
        assert told(Maximum("c"), each, "float64") == "open"
    assert told(Violations(Above("c", 2.0)), without, "float64") == NONE
    assert told(Violations(Above("c", 2.0)), with_nan, "float64") == "open"
    assert told(Violations(Above("c", 2.0)), unknown, "float64") == "open"


def test_text_and_bytes_whose_bounds_are_cut_are_left_open() -> None:
    cut = ColumnStatistics(1, nulls=0, lower="aaaa", upper="aaab", are_values=True, counts_rows=True)
    assert told(Maximum("c"), cut, "string") == told(Violations(Above("c", "z")), cut, "string") == "open"
    assert told(NULLS, cut, "string") == NONE


def test_bounds_that_are_near_the_values_prove_ranges_and_no_extremes() -> None:
    near = ColumnStatistics(1, nulls=0, lower=datetime(2026, 1, 1), upper=datetime(2026, 1, 3), counts_rows=True)
    assert told(Maximum("c"), near, "timestamp") == "open"
    assert told(Violations(Above("c", datetime(2026, 1, 3))), near, "timestamp") == NONE
    assert told(Violations(Above("c", datetime(2026, 1, 2))), near, "timestamp") == "open"


def test_limits_are_compared_as_values_of_the_columns_type() -> None:
    dates = ColumnStatistics(1, nulls=0, lower=date(2026, 1, 1), upper=date(2026, 1, 3))
    assert told(Violations(Below("c", datetime(2026, 1, 1))), dates, "date") == NONE
    assert told(Violations(Below("c", datetime(2026, 1, 1, 12))), dates, "date") == "open"
    decimals = ColumnStatistics(1, nulls=0, lower=Decimal("0.01"), upper=Decimal("0.02"))
    assert told(Violations(Below("c", 0)), decimals, "decimal(12,2)") == NONE
    assert told(Violations(Below("c", 0.011)), decimals, "decimal(12,2)") == "open"


def test_only_columns_that_statistics_could_tell_of_are_asked_for() -> None:
    measures = (RowCount(), NULLS, Violations(NotIn("d", ())), Maximum("e"), DuplicateKeys(("f",)))
    assert columns_of(measures) == {"c", "e"}
