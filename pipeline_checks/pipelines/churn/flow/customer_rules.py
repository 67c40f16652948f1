"""What must hold between the fields of a customer. A rule is judged only where its fields are there and right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pipeline_checks.pipelines.churn.flow.names import INTERNET_SERVICES, NO_PHONE, NO_SERVICE

_JUDGED: Final = frozenset(
    ("event_ts", "PhoneService", "MultipleLines", "InternetService", *INTERNET_SERVICES, "tenure", "TotalCharges")
)


def broken_rules(message: Mapping[str, Any], wrong: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield each broken rule as field and message.

    Parameters
    ----------
    wrong:
        Fields that break the schema already; nothing that depends on them is judged, so that one mistake is told once.
    """

    whole = not wrong and message.keys() >= _JUDGED

    def known(*fields: str) -> bool:
        return whole or all(field in message and field not in wrong for field in fields)

    if known("event_ts") and not is_utc(message["event_ts"]):
        yield "event_ts", f"'{message['event_ts']}' is not an instant in UTC"
    if known("PhoneService", "MultipleLines"):
        phone, lines = message["PhoneService"], message["MultipleLines"]
        if (phone == "No") != (lines == NO_PHONE):
            yield "MultipleLines", f"'{lines}' contradicts PhoneService '{phone}'"
    if known("InternetService"):
        internet = message["InternetService"]
        for field in INTERNET_SERVICES:
            if known(field) and (internet == "No") != (message[field] == NO_SERVICE):
                yield field, f"'{message[field]}' contradicts InternetService '{internet}'"
    if known("tenure", "TotalCharges"):
        tenure, total = message["tenure"], message["TotalCharges"]
        blank = isinstance(total, str) and not total.strip()
        if blank != (tenure == 0):
            problem = "is blank" if blank else f"'{total}' is not blank"
            yield "TotalCharges", f"{problem} with tenure {tenure}"


def is_utc(text: str) -> bool:
    """Whether the text is an instant that exists, said to be in UTC.

    >>> is_utc("2026-01-31T23:59:59.5Z"), is_utc("2026-01-31T23:59:59"), is_utc("2026-13-45T99:99:99Z")
    (True, False, False)
    """
    if not text.endswith("Z"):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
