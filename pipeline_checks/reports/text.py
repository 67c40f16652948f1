"""Text of findings made fit for a report: data can hold control characters, markup, and by mistake a password."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_checks.model.position import Position
from pipeline_checks.model.result import StageResult
from pipeline_checks.values.json_values import to_json_value

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What is not allowed in XML, commands of a terminal, and what turns the direction of writing."""
_PASSWORD_IN_URL = re.compile(r"([a-z0-9+.-]+://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE)


def clean(text: Any) -> str:
    """Return the text without control characters (line feeds and tabs stay) and without passwords in URLs.

    >>> clean("postgresql://me:secret@host/db")
    'postgresql://me:***@host/db'
    """
    return _PASSWORD_IN_URL.sub(r"\1:***@", _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def one_line(text: Any) -> str:
    """Return the text, cleaned, on one line."""
    return " ".join(clean(text).split())


def key_text(key: Mapping[str, Any] | None) -> str:
    """Return a key as people read it.

    >>> key_text({"order_id": 4, "line": "a"})
    'order_id=4, line=a'
    """
    if not key:
        return ""
    return ", ".join(f"{name}={_value_text(value)}" for name, value in key.items())


def position_text(position: Position | None) -> str:
    """Return a position as people read it."""
    return "" if position is None else f"{position.kind} {_value_text(position.value())}"


def rows_text(stage: StageResult) -> str:
    """Return the row count of a stage with its grade where it is not exact."""
    if stage.rows is None or stage.rows.value is None:
        return ""
    grade = "" if str(stage.rows.grade) == "exact" else f" ({stage.rows.grade})"
    return f"{stage.rows.value:,}{grade}"


def covers_text(covers_cut: bool | None) -> str:
    """Return whether a stage covers the cut, as a word."""
    return {True: "yes", False: "no", None: "unknown"}[covers_cut]


def _value_text(value: Any) -> str:
    plain = to_json_value(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
