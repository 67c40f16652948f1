"""Values of rows as JSON values: the form in which keys, samples and limits stand in reports."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def to_json_value(value: Any) -> Any:
    """Return ``value`` as a JSON value.

    Decimals and times are text (decimals with all their digits, instants in UTC), bytes base64, NaN and infinities
    the texts ``NaN``, ``Infinity``, ``-Infinity``.

    >>> to_json_value(Decimal("10.00")), to_json_value(datetime(2026, 1, 1, tzinfo=UTC)), to_json_value(7)
    ('10.00', '2026-01-01T00:00:00+00:00', 7)
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _special(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else _special(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(k): to_json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json_value(v) for v in value]
    if hasattr(value, "item"):  # a scalar of numpy
        return to_json_value(value.item())
    return str(value)


def _special(value: float | Decimal) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
