"""When an ingestion is due: frequencies and cron expressions in a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter  # type: ignore[import-untyped]
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

CUSTOM: Final = "custom"
FREQUENCIES: Final = ("hourly", "daily", "weekly", "monthly", CUSTOM)
_FIELDS: Final = {"hourly": "{minute} * * * *", "daily": "{minute} {hour} * * *", "weekly": "{minute} {hour} * * 1"}
_MONTHLY: Final = "{minute} {hour} 1 * *"
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_NAMES: Final = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
_CRON: Final = re.compile(rf"(?:[0-9*,/#?L-]|{_NAMES})+(?: (?:[0-9*,/#?L-]|{_NAMES})+){{4}}", re.IGNORECASE)
_YEARS: Final = 5
"""A cron expression that is not due within so many years is taken for one that never is."""


@dataclass(frozen=True)
class Schedule:
    """When to run; ``frequency`` is None for never by itself, ``time`` is HH:MM in the zone (hourly: its minute)."""

    frequency: str | None
    time: str | None
    timezone: str
    cron: str | None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first instant behind ``instant`` at which it is due, None for never.

        >>> Schedule("daily", "06:30", "UTC", None).next_after(datetime(2026, 3, 1, 7, tzinfo=UTC)).isoformat()
        '2026-03-02T06:30:00+00:00'
        """
        expression = self.expression
        if expression is None:
            return None
        zone = ZoneInfo(self.timezone)
        local = instant.astimezone(zone)
        if expression.split()[1].startswith("*"):
            # Of every hour, also of the one that comes twice when clocks go back.
            due: datetime = _ticks(expression, local).get_next(datetime)
            return due.astimezone(UTC)
        # At an hour of the day: once on every day, also on those on which that hour is missing or comes twice.
        ticks = _ticks(expression, local.replace(tzinfo=None))
        found: datetime
        while (found := ticks.get_next(datetime).replace(tzinfo=zone).astimezone(UTC)) <= instant:
            pass
        return found

    @property
    def expression(self) -> str | None:
        """The cron expression that says the same."""
        if self.frequency is None or self.frequency == CUSTOM:
            return self.cron
        hour, minute = (int(part) for part in (self.time or "00:00").split(":"))
        return _FIELDS.get(self.frequency, _MONTHLY).format(hour=hour, minute=minute)


def _ticks(expression: str, after: datetime) -> Any:
    return croniter(expression, after, max_years_between_matches=_YEARS)


def problem_of(schedule: Schedule, now: datetime) -> str | None:
    """Return what is wrong with a schedule, None when it can be kept."""
    if schedule.frequency is not None and schedule.frequency not in FREQUENCIES:
        return f"frequency must be one of {', '.join(FREQUENCIES)}"
    if schedule.time is not None and not _TIME.fullmatch(schedule.time):
        return "time must be HH:MM"
    if schedule.timezone not in available_timezones():
        return "timezone is not one that is known, such as UTC or Europe/Berlin"
    if schedule.frequency == CUSTOM and schedule.cron is None:
        return "frequency custom needs cron_expression"
    if schedule.cron is None:
        return None
    if schedule.frequency != CUSTOM:
        return "cron_expression needs frequency custom"
    if not _CRON.fullmatch(schedule.cron) or not croniter.is_valid(schedule.cron):
        return "cron_expression must be five fields of cron, such as '0 6 * * 1-5'"
    try:
        schedule.next_after(now)
    except CroniterError:
        return "cron_expression is never due"
    return None
