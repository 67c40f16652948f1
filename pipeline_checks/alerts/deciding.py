"""What is to be told: each thing once, its recovery once, and never a recovery that nobody has seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline_checks.alerts.outcome import Outcome
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.alert_book import Alert

Place = tuple[str, str]
Muted = Callable[[str, str], bool]
"""Whether nobody wants to hear of a stage and a check now."""


class What(StrEnum):
    """Why something is told."""

    OPENED = "opened"
    """It was right, or nobody was told yet."""
    CHANGED = "changed"
    """It is wrong in a way that was not told yet."""
    REPEATED = "repeated"
    """It is still wrong after a time."""
    RECOVERED = "recovered"
    """It passes again."""


@dataclass(frozen=True)
class Item:
    """One thing to be told."""

    what: What
    outcome: Outcome
    since: datetime


@dataclass(frozen=True)
class Decision:
    """What is to be told, and the alerts as they are then."""

    items: tuple[Item, ...]
    alerts: tuple[Alert, ...]


def decide(
    known: Mapping[Place, Alert],
    outcomes: Iterable[Outcome],
    declared: AlertsDeclaration,
    muted: Muted,
    at: datetime,
) -> Decision:
    """Return what a run's outcomes change.

    Parameters
    ----------
    known:
        The alerts that are not closed, by stage and kind of check.
    at:
        Now, which ``told_at`` becomes.
    """
    items: list[Item] = []
    changed: dict[Place, Alert] = {}
    for outcome in outcomes:
        alert = changed.get(outcome.place) or known.get(outcome.place)
        if alert is not None and (outcome.at < alert.seen_at or alert.closed_at is not None):
            continue  # a newer run has said more
        step = _step(alert, outcome, declared, muted(*outcome.place), at)
        if step is None:
            continue
        what, changed[outcome.place] = step
        if what is not None:
            items.append(Item(what, outcome, changed[outcome.place].opened_at))
    return Decision(tuple(items), tuple(changed.values()))


def _step(
    alert: Alert | None, outcome: Outcome, declared: AlertsDeclaration, muted: bool, at: datetime
) -> tuple[What | None, Alert] | None:
    if outcome.verdict in declared.verdicts:
        return _wrong(alert or _opened(outcome), outcome, declared, muted, at)
    if alert is None or outcome.verdict not in (Verdict.PASS, Verdict.WARN):
        return None  # what could not be judged tells nothing of a recovery
    return _right(alert, outcome, muted, at)


def _opened(outcome: Outcome) -> Alert:
    return Alert(outcome.pipeline, outcome.stage, outcome.check, "", "", 0, outcome.run_id, outcome.at, outcome.at)


def _wrong(
    alert: Alert, outcome: Outcome, declared: AlertsDeclaration, muted: bool, at: datetime
) -> tuple[What | None, Alert]:
    now = replace(
        alert,
        verdict=str(outcome.verdict),
        message=outcome.message,
        findings_total=outcome.findings_total,
        run_id=outcome.run_id,
        seen_at=outcome.at,
        recovered_at=None,
    )
    what = None if muted else _news(alert, outcome, declared, at)
    if what is None:
        return None, now
    return what, replace(now, told=tuple(sorted({*alert.told, *outcome.marks})), told_at=at)


def _news(alert: Alert, outcome: Outcome, declared: AlertsDeclaration, at: datetime) -> What | None:
    if alert.told_at is None:
        return What.OPENED
    if outcome.marks - set(alert.told):
        return What.CHANGED
    if declared.repeat is not None and at - alert.told_at >= timedelta(seconds=declared.repeat):
        return What.REPEATED
    return None


def _right(alert: Alert, outcome: Outcome, muted: bool, at: datetime) -> tuple[What | None, Alert]:
    now = replace(alert, seen_at=outcome.at, recovered_at=alert.recovered_at or outcome.at)
    if alert.told_at is None:  # nobody knows of it
        return None, replace(now, closed_at=at)
    return (None, now) if muted else (What.RECOVERED, replace(now, closed_at=at))
