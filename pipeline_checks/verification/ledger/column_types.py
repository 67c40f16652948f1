"""Column types that mean the same on SQLite and Postgres, and take whatever a pipeline's data can hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

LONGEST_TEXT = 4000
"""Characters of one text that are kept: a ledger tells of a row, it does not hold a copy of it."""
_PASSWORD_IN_URL = re.compile(r"(://[^\s:/@]*):[^\s/@]+@")
"""Begins with a text of fixed length: a scheme before it would be looked for from every character of a long word."""


class Instant(TypeDecorator[datetime]):
    """An instant. SQLite keeps no zone, so it is given UTC and taken for UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the database keeps it; raises ValueError when it has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant of the ledger needs a zone")
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text that every database takes: without NUL and lone surrogates, passwords in URLs masked, cut when long."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it is kept."""
        return None if value is None else plain(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value, kept as text; what JSON has no form for stands as text in it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the document; None stays NULL."""
        return None if value is None else _document(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the JSON value."""
        return None if value is None else json.loads(value)


def _document(value: Any) -> str:
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        return _dumped(storable(value))
    # Nothing in a short document is too long, and without a URL there is no password in one.
    return text if len(text) <= LONGEST_TEXT and "://" not in text else _dumped(storable(value))


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def plain(text: str) -> str:
    r"""Return a text as a ledger keeps it.

    >>> plain("at postgresql://me:tiger@db/x \x00")
    'at postgresql://me:***@db/x \\x00'
    """
    if "://" in text:
        text = _PASSWORD_IN_URL.sub(r"\1:***@", text)
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}... ({len(text):,} characters)"
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def storable(value: Any) -> Any:
    """Return a value that JSON can hold, texts as ``plain`` makes them.

    >>> storable({1: float("nan"), "a": (True, None)})
    {'1': 'nan', 'a': [True, None]}
    """
    if isinstance(value, str):
        return plain(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {plain(str(name)): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(one) for one in value]
    return plain(str(value))
