"""Whether somebody wants to hear of a check now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from pipeline_checks.model.alerting import DAYS, Mute
from pipeline_checks.verification.ledger.alert_book import KeptMute


def is_muted(
    pipeline: str, stage: str, check: str, at: datetime, declared: Iterable[Mute], kept: Iterable[KeptMute] = ()
) -> bool:
    """Whether a mute, of the pipeline's file or of a command, holds for a check at an instant."""
    return any(_names(m, stage, check) and holds(m, at) for m in declared) or any(
        fnmatchcase(pipeline, m.pipeline)
        and fnmatchcase(stage, m.stage)
        and fnmatchcase(check, m.check)
        and m.since <= at < m.until
        for m in kept
    )


def _names(mute: Mute, stage: str, check: str) -> bool:
    return any(fnmatchcase(stage, s) for s in mute.stages) and any(fnmatchcase(check, c) for c in mute.checks)


def holds(mute: Mute, at: datetime) -> bool:
    """Whether a mute holds at an instant.

    A span of the day belongs to the day on which it begins, also behind midnight. An hour that summer time skips or
    repeats is what the clock on the wall shows.
    """
    if (mute.since is not None and at < mute.since) or (mute.until is not None and at >= mute.until):
        return False
    local = at.astimezone(_zone(mute.timezone))
    clock, today = local.time(), local.date()
    if mute.start is None or mute.end is None:
        return DAYS[today.weekday()] in mute.days
    if mute.start < mute.end:
        begun = today if mute.start <= clock < mute.end else None
    elif clock >= mute.start:
        begun = today
    else:
        begun = today - timedelta(days=1) if clock < mute.end else None
    return begun is not None and DAYS[begun.weekday()] in mute.days


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
