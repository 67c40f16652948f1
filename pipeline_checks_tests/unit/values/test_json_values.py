"""Values of rows as JSON values."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from pipeline_checks.values.json_values import to_json_value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (2**62, 2**62),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (Decimal("NaN"), "NaN"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T00:00:00+00:00"),
        (datetime(2026, 1, 1), "2026-01-01T00:00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (time(1, 2, 3), "01:02:03"),
        (timedelta(seconds=1.5), 1.5),
        (b"\x00\xff", "AP8="),
        ([Decimal("1")], ["1"]),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, {"a": "2026-01-01T00:00:00+00:00"}),
        (np.int64(7), 7),
    ],
)
def test_a_value_is_written_without_loss(value: Any, written: Any) -> None:
    found = to_json_value(value)
    assert found == written
    assert type(found) is type(written)
    json.dumps(found, allow_nan=False)
