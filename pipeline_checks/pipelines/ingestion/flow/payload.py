"""The records that seeds and tests put into the source: all of record ``id`` follows from its number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

BASE_TIME: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""When record 0 happened; each other one a millisecond behind the one before it."""
EVENT_TYPES: Final = ("login", "pageview", "click", "purchase")
REGIONS: Final = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
BROWSERS: Final = ("chrome", "firefox", "safari")
DEVICES: Final = ("desktop", "mobile", "tablet")
BASE_FIELDS: Final = ("id", "timestamp", "user_id", "event_type", "value")
EVOLVED_FIELDS: Final = (*BASE_FIELDS, "region", "metadata")


def record(number: int, *, evolved: bool = False) -> dict[str, Any]:
    """Return one record; an evolved one has a region and nested metadata as well."""
    found: dict[str, Any] = {
        "id": number,
        "timestamp": (BASE_TIME + timedelta(milliseconds=number)).isoformat(timespec="milliseconds"),
        "user_id": f"user-{number % 100}",
        "event_type": EVENT_TYPES[number % 4],
        "value": number * 10.5,
    }
    if evolved:
        found["region"] = REGIONS[number % 4]
        found["metadata"] = {
            "browser": BROWSERS[number % 3],
            "version": f"{100 + number % 50}.0",
            "device": DEVICES[number % 3],
        }
    return found


def records(file: int, count: int, *, evolved: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the records of a file, which holds ``count`` of them as those before it do."""
    return (record(number, evolved=evolved) for number in range(file * count, (file + 1) * count))


def batch_key(file: int, prefix: str = "data/") -> str:
    """Return the key of a file.

    >>> batch_key(3)
    'data/batch_3.json'
    """
    return f"{prefix}batch_{file}.json"


def batch(file: int, count: int, *, evolved: bool = False) -> bytes:
    """Return the content of a file: one record a line, no line end behind the last."""
    return "\n".join(json.dumps(one) for one in records(file, count, evolved=evolved)).encode()
