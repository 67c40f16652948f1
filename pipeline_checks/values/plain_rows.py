"""Rows in the form in which a line of a file and a row of a table can be set against each other, whatever holds them.

A field that is absent and one that is null are the same, and so are a whole number and a broken one of the same value.
Fields are told by name, never by place.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

_EXACT = 2**53
"""Below this every whole number has a broken one of the same value."""


def plain(value: Any) -> Any:
    """Return a value as JSON has it, in its one form; None for what holds nothing.

    >>> plain({"b": 2.0, "a": None, "c": {"d": None}})
    {'b': 2}
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        found = {str(name): inner for name, each in value.items() if (inner := plain(each)) is not None}
        return found or None
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return _scalar(value)


def _number(value: float) -> Any:
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        return int(value) if value == value.to_integral_value() else format(value.normalize(), "f")
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes | bytearray) else str(value)


def image(row: Mapping[str, Any]) -> bytes:
    """Return a row as bytes that are equal for equal rows."""
    import orjson

    found = plain(row) or {}
    try:
        return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a whole number beyond 64 bits
        import json

        return json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
