"""Durations as people write them: ``500ms``, ``30s``, ``10m``, ``2h``, ``1d``, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


def parse_duration(value: Any) -> float:
    """Return ``value`` in seconds.

    >>> parse_duration("10m"), parse_duration("500ms"), parse_duration(3)
    (600.0, 0.5, 3.0)

    Raises ValueError when it is neither a number nor a number with one of the units ms, s, m, h, d.
    """
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or text such as '30s'")
    if isinstance(value, int | float):
        return float(value)
    match = _TEXT.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a duration: write a number with a unit (ms, s, m, h, d), such as '30s'")
    return float(match.group(1)) * _UNITS[match.group(2)]


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, validated from text such as ``30s``."""
