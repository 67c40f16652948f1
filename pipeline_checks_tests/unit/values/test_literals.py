"""Limits as values of a column's type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.literals import limit, members


@pytest.mark.parametrize(
    ("value", "type_", "up", "down"),
    [
        (5, "int64", 5, 5),
        (1.5, "int64", 2, 1),
        ("-1.5", "int32", -1, -2),
        (0.1, "decimal(10,2)", Decimal("0.10"), Decimal("0.10")),
        ("0.101", "decimal(10,2)", Decimal("0.11"), Decimal("0.10")),
        (
            "12345678901234567890123456789012345678",
            "decimal(38,0)",
            *([Decimal("12345678901234567890123456789012345678")] * 2),
        ),
        ("1", "float64", 1.0, 1.0),
        ("2026-01-01", "date", date(2026, 1, 1), date(2026, 1, 1)),
        (datetime(2026, 1, 1, 12), "date", date(2026, 1, 2), date(2026, 1, 1)),
        ("2026-01-01T01:00:00+01:00", "timestamptz", *([datetime(2026, 1, 1, tzinfo=UTC)] * 2)),
        ("2026-01-01T01:00:00+01:00", "timestamp", *([datetime(2026, 1, 1)] * 2)),
        ("x", "string", "x", "x"),
        (True, "bool", True, True),
    ],
)
def test_a_limit_between_two_values_is_rounded_to_either_side(value: Any, type_: str, up: Any, down: Any) -> None:
    assert limit(value, LogicalType.parse(type_), "up") == up
    assert limit(value, LogicalType.parse(type_), "down") == down


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("x", "int64"),
        (5, "string"),
        ("soon", "date"),
        (2**63, "int64"),
        (1, "bool"),
        (1, "array"),
        ("NaN", "decimal(3,1)"),
    ],
)
def test_a_limit_of_another_type_is_refused(value: Any, type_: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        limit(value, LogicalType.parse(type_), "up")


def test_members_that_no_row_can_hold_are_left_out() -> None:
    assert members((1, 1.5, 2), LogicalType("int64")) == (1, 2)
