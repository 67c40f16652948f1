"""Canonical values: equal in one form whatever type they came in; different where they differ by the least."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.canonical import canonical, comparable_type, presented

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456)


def form(values: list[Any], dtype: Any, type_: str) -> list[Any]:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype)})
    return frame.select(canonical(pl.col("v"), frame.schema["v"], LogicalType.parse(type_))).get_column("v").to_list()


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("int32", "int64", "int64"),
        ("decimal(12,4)", "decimal(10,2)", "decimal(38,2)"),
        ("decimal", "decimal(38,4)", "decimal(38,4)"),
        ("int32", "decimal(10,2)", "decimal(38,0)"),
        ("float32", "float64", "float32"),
        ("timestamp(3)", "timestamptz", "timestamp(3)"),
        ("time", "time(3)", "time(3)"),
        ("uuid", "string", "uuid"),
        ("json", "string", "json"),
        ("array", "json", "json"),
        ("string", "string", "string"),
        ("date", "date", "date"),
    ],
)
def test_two_types_are_compared_at_the_coarser(one: str, other: str, common: str) -> None:
    for first, second in ((one, other), (other, one)):
        assert str(comparable_type(LogicalType.parse(first), LogicalType.parse(second))) == common


_NOT_COMPARED = [
    *(("int32", "string"), ("date", "timestamp"), ("bool", "int8")),
    *(("interval", "interval"), ("struct", "struct")),
]


@pytest.mark.parametrize(("one", "other"), _NOT_COMPARED)
def test_types_of_different_families_and_those_without_a_common_form_are_not_compared(one: str, other: str) -> None:
    assert comparable_type(LogicalType.parse(one), LogicalType.parse(other)) is None


def test_an_instant_is_the_same_in_every_unit_and_zone() -> None:
    east = timezone(timedelta(hours=5))
    forms = [
        form([NOON], pl.Datetime("us"), "timestamp"),
        form([NOON], pl.Datetime("ns"), "timestamp"),
        form([NOON.replace(tzinfo=UTC)], pl.Datetime("us", "UTC"), "timestamp"),
        form([NOON.replace(tzinfo=UTC).astimezone(east)], pl.Datetime("us", "Asia/Karachi"), "timestamp"),
    ]
    assert all(f == forms[0] for f in forms)
    assert form([NOON + timedelta(microseconds=1)], pl.Datetime("us"), "timestamp") != forms[0]


def test_digits_beyond_the_common_ones_are_cut_before_and_after_1970() -> None:
    early = datetime(1960, 1, 1, 0, 0, 0, 999999)
    for instant in (NOON, early):
        cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        assert form([instant], pl.Datetime("us"), "timestamp(3)") == form([cut], pl.Datetime("ms"), "timestamp(3)")


def test_numbers_are_equal_by_value() -> None:
    assert form([5], pl.Int32, "int64") == form([5], pl.Int64, "int64")
    assert form([Decimal("1.50")], pl.Decimal(10, 2), "decimal(38,2)") == form(
        [Decimal("1.500")], pl.Decimal(12, 3), "decimal(38,2)"
    )
    assert form([0.1], pl.Float32, "float32") == form([0.1], pl.Float64, "float32")
    assert str(form([-0.0], pl.Float64, "float64")) == "[0.0]"


def test_documents_are_equal_whatever_the_order_of_their_keys() -> None:
    written = form(['{"b": 1, "a": [1, 2]}', "no json", None], pl.String, "json")
    assert written == ['{"a":[1,2],"b":1}', "no json", None]
    assert form([[1, 2]], pl.List(pl.Int64), "json") == form(["[1, 2]"], pl.String, "json")


def test_null_stays_null_and_empty_text_is_a_value() -> None:
    assert form([None, "", "A"], pl.String, "string") == [None, "", "A"]
    assert form(["AB"], pl.String, "uuid") == ["ab"]
    assert form([date(1, 1, 1)], pl.Date, "date") == [date(1, 1, 1)]


def test_canonical_instants_are_shown_as_such() -> None:
    (micro,) = form([NOON], pl.Datetime("us"), "timestamp")
    assert presented(micro, LogicalType.parse("timestamp")) == NOON
    (milli,) = form([NOON], pl.Datetime("us"), "timestamp(3)")
    assert presented(milli, LogicalType.parse("timestamp(3)")) == NOON.replace(microsecond=123000)
    assert presented("x", LogicalType.parse("string")) == "x"
