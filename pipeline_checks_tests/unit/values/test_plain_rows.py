"""One form for a line of a file and a row of a table, and the types of both."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pipeline_checks.model.fields import FieldType, holds, struct_of, type_of, union
from pipeline_checks.values.plain_rows import image

ALIKE = [
    ({"a": 1, "b": None}, {"a": 1.0}),
    ({"b": 1, "a": "x"}, {"a": "x", "b": 1}),
    ({"a": {"y": None}}, {}),
    ({"a": Decimal("10.50")}, {"a": "10.5"}),
    ({"a": Decimal("7.00")}, {"a": 7}),
    ({"a": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, {"a": datetime(2026, 1, 1, tzinfo=UTC)}),
    ({"a": date(2026, 1, 1)}, {"a": "2026-01-01"}),
    ({"a": -0.0}, {"a": 0}),
]
APART = [
    ({"a": 10.5}, {"a": 10}),
    ({"a": 1}, {"a": "1"}),
    ({"a": True}, {"a": 1}),
    ({"a": "x "}, {"a": "x"}),
    ({"a": []}, {}),
    ({"a": 2**60 + 1}, {"a": float(2**60)}),
    ({"a": 10**30}, {"a": 10**30 + 1}),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_equal_rows_have_equal_images(one: dict[str, object], other: dict[str, object]) -> None:
    assert image(one) == image(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_rows_that_differ_have_others(one: dict[str, object], other: dict[str, object]) -> None:
    assert image(one) != image(other)


def test_types_are_put_together_whatever_their_order() -> None:
    records = [{"a": 1, "n": None, "m": {"x": 1}}, {"a": 2.5, "m": {"y": "t"}}, {"a": None, "b": [1, 2.5]}]
    expected = "struct<a: double, b: list<double>, m: struct<x: long, y: string>, n: null>"
    assert {str(union(map(type_of, order))) for order in (records, records[::-1])} == {expected}


def test_what_cannot_be_held_together_is_mixed() -> None:
    assert union((FieldType("string"), FieldType("long"))).is_mixed
    assert type_of({"a": [1, "x"]}).is_mixed
    assert not type_of({"a": [None, 1]}).is_mixed


@pytest.mark.parametrize(
    ("table", "needed", "expected"),
    [
        ("double", "long", True),
        ("long", "double", False),
        ("string", "long", False),
        ("date", "null", True),
        ("date", "string", False),
    ],
)
def test_a_table_holds_what_it_can(table: str, needed: str, expected: bool) -> None:
    assert holds(FieldType(table), FieldType(needed)) is expected
    nested = struct_of({"x": FieldType(table)}), struct_of({"x": FieldType(needed)})
    assert holds(*nested) is expected
