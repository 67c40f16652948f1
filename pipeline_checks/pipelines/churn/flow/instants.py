"""Instants as messages carry them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(instant: datetime | None = None) -> str:
    """Return an instant (now when None) as text in UTC, to the microsecond.

    >>> utc_text(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '2026-01-31T12:00:00.000000Z'
    """
    moment = instant if instant is not None else datetime.now(UTC)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
