"""Mutes by stage, check, instant, time of day and day of the week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline_checks.alerts.muting import holds, is_muted
from pipeline_checks.model.alerting import Mute
from pipeline_checks.verification.ledger.alert_book import KeptMute

FRIDAY = datetime(2026, 5, 1, tzinfo=UTC)


def mute(**written: Any) -> Mute:
    return Mute.model_validate(written)


@pytest.mark.parametrize(
    ("written", "stage", "check", "muted"),
    [
        ({}, "lake", "counts", True),
        ({"stages": ["delta_*"]}, "delta_orders", "counts", True),
        ({"stages": ["delta_*"]}, "pg_orders", "counts", False),
        ({"checks": ["freshness", "lag"]}, "lake", "lag", True),
        ({"checks": ["freshness"]}, "lake", "counts", False),
        ({"stages": ["Lake"]}, "lake", "counts", False),
    ],
)
def test_a_mute_is_for_the_stages_and_checks_it_names(
    written: dict[str, Any], stage: str, check: str, muted: bool
) -> None:
    assert is_muted("shop", stage, check, FRIDAY, [mute(**written)]) is muted


@pytest.mark.parametrize(
    ("written", "hours", "held"),
    [
        ({"since": "2026-05-01T10:00:00Z", "until": "2026-05-01T12:00:00Z"}, 9.99, False),
        ({"since": "2026-05-01T10:00:00Z", "until": "2026-05-01T12:00:00Z"}, 10, True),
        ({"since": "2026-05-01T10:00:00Z", "until": "2026-05-01T12:00:00Z"}, 12, False),
        ({"until": "2026-05-01T12:00:00+02:00"}, 11, False),
        ({"from": "09:00", "to": "17:30"}, 9, True),
        ({"from": "09:00", "to": "17:30"}, 17.5, False),
        ({"from": "22:00", "to": "06:00"}, 23, True),
        ({"from": "22:00", "to": "06:00"}, 5.99, True),
        ({"from": "22:00", "to": "06:00"}, 6, False),
        ({"from": 22 * 60, "to": "06:00"}, 22, True),  # as YAML reads 22:00
        ({"from": "22:00", "to": "06:00", "timezone": "Asia/Tokyo"}, 14, True),
        ({"from": "22:00", "to": "06:00", "timezone": "Asia/Tokyo"}, 22, False),
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, 23, True),
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, 24 + 5, True),
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, 5, False),
        ({"days": ["sat", "sun"]}, 12, False),
        ({"days": ["sat", "sun"]}, 24 + 12, True),
    ],
)
def test_a_mute_holds_when_it_says(written: dict[str, Any], hours: float, held: bool) -> None:
    assert holds(mute(**written), FRIDAY + timedelta(hours=hours)) is held


def test_a_mute_of_a_command_is_for_its_pipeline_and_time() -> None:
    kept = [KeptMute("shop", "delta_*", "*", FRIDAY, FRIDAY + timedelta(hours=1))]
    assert is_muted("shop", "delta_a", "counts", FRIDAY, [], kept)
    assert not is_muted("shop", "pg_a", "counts", FRIDAY, [], kept)
    assert not is_muted("other", "delta_a", "counts", FRIDAY, [], kept)
    assert not is_muted("shop", "delta_a", "counts", FRIDAY + timedelta(hours=1), [], kept)
