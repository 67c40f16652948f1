"""Values of a run as the page shows them: short, on one line, without what no report may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline_checks.reports.text import one_line

LONGEST = 240
"""Characters of a value or position that are shown; a finding's sentence may have more."""
LONGEST_SENTENCE = 1000


def short(text: Any, limit: int = LONGEST) -> str:
    """Return text, cleaned, on one line, cut with a mark where it is longer than ``limit``."""
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def value_text(value: Any) -> str:
    """Return a JSON value as people read it.

    >>> value_text(None), value_text("a"), value_text({"a": 1, "b": "x"}), value_text([1, 2])
    ('NULL', 'a', 'a=1, b=x', '[1, 2]')
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return short(value)
    if isinstance(value, Mapping):
        return short(", ".join(f"{name}={value_text(one)}" for name, one in value.items()))
    return short(json.dumps(value, ensure_ascii=False, default=str))


def position_text(position: Mapping[str, Any] | None) -> str:
    """Return a position of a run's JSON as people read it.

    >>> position_text({"kind": "offsets", "value": {"shop.orders": {"3": 812}}})
    'shop.orders, partition 3, offset 812'
    >>> position_text({"kind": "version", "value": 57})
    'version 57'
    """
    if position is None:
        return ""
    kind, value = str(position["kind"]), position["value"]
    if kind == "offsets" and isinstance(value, Mapping):
        places = [(topic, p, o) for topic, parts in value.items() for p, o in parts.items()]
        if len(places) == 1:
            topic, partition, offset = places[0]
            return short(f"{topic}, partition {partition}, offset {offset}")
        topics = (f"{topic} {' '.join(f'{p}:{o}' for p, o in parts.items())}" for topic, parts in value.items())
        return short(f"offsets {', '.join(topics)}")
    if kind == "files" and isinstance(value, Mapping):
        return f"{number(len(value))} file{'' if len(value) == 1 else 's'}"
    return short(f"{kind} {value_text(value)}" if kind not in ("lsn", "instant") else f"{kind.upper()} {value}")


def number(value: float) -> str:
    """Return a number with its thousands told apart.

    >>> number(1234), number(0.12345), number(-2.0)
    ('1,234', '0.123', '-2')
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) >= 0.001 else f"{value:.3g}"


def seconds(value: float | None) -> str:
    """Return a time that something took.

    >>> seconds(0.0123), seconds(4.2), seconds(372.0), seconds(None)
    ('12 ms', '4.2 s', '6 min 12 s', '')
    """
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def instant(at: datetime) -> str:
    """Return an instant in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
