"""When an ingestion is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_checks.pipelines.ingestion.flow.schedule import Schedule, problem_of

NOW = datetime(2026, 3, 28, 23, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def following(schedule: Schedule, after: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        due = schedule.next_after(after)
        assert due is not None
        after = due
        found.append(f"{after:%m-%d %H:%M}")
    return found


def test_an_hour_of_the_day_comes_once_on_the_days_on_which_clocks_change() -> None:
    daily = Schedule("daily", "02:30", BERLIN, None)
    assert following(daily, NOW, 2) == ["03-29 01:30", "03-30 00:30"]
    assert following(daily, datetime(2026, 10, 24, 23, tzinfo=UTC), 2) == ["10-25 00:30", "10-26 01:30"]


def test_every_hour_comes_also_when_clocks_go_back() -> None:
    hourly = Schedule("hourly", "00:15", BERLIN, None)
    assert following(hourly, datetime(2026, 10, 24, 23, tzinfo=UTC), 4) == [
        "10-24 23:15",
        "10-25 00:15",
        "10-25 01:15",
        "10-25 02:15",
    ]


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (Schedule("daily", "06:30", "UTC", None), "03-29 06:30"),
        (Schedule("weekly", None, "UTC", None), "03-30 00:00"),
        (Schedule("monthly", "05:00", "UTC", None), "04-01 05:00"),
        (Schedule("custom", None, "UTC", "*/20 * * * *"), "03-28 23:20"),
        (Schedule("custom", None, "Asia/Tokyo", "0 9 * * MON-FRI"), "03-30 00:00"),
    ],
)
def test_frequencies_and_cron_expressions(schedule: Schedule, due: str) -> None:
    assert problem_of(schedule, NOW) is None
    assert following(schedule, NOW, 1) == [due]


def test_without_a_frequency_it_is_never_due() -> None:
    assert Schedule(None, None, "UTC", None).next_after(NOW) is None


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (Schedule("fortnightly", None, "UTC", None), "frequency must be one of"),
        (Schedule("daily", "24:00", "UTC", None), "time must be HH:MM"),
        (Schedule("daily", None, "Europe/Atlantis", None), "timezone"),
        (Schedule("custom", None, "UTC", None), "needs cron_expression"),
        (Schedule("daily", None, "UTC", "0 1 * * *"), "needs frequency custom"),
        (Schedule("custom", None, "UTC", "61 * * * *"), "five fields"),
        (Schedule("custom", None, "UTC", "R R * * *"), "five fields"),
        (Schedule("custom", None, "UTC", "0 0 1 1 * 0"), "five fields"),
        (Schedule("custom", None, "UTC", "0 0 30 2 *"), "never due"),
    ],
)
def test_what_cannot_be_kept_is_told(schedule: Schedule, told: str) -> None:
    assert told in (problem_of(schedule, NOW) or "")
