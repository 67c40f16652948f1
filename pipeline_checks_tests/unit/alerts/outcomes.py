"""Outcomes for tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline_checks.alerts.outcome import Outcome
from pipeline_checks.model.verdict import Verdict

BEGUN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    """Return an instant so many hours behind the first."""
    return BEGUN + timedelta(hours=hours)


def outcome(verdict: Verdict, hours: float = 0, *kinds: str, **fields: Any) -> Outcome:
    """Return what the run at so many hours found of one check, with a finding of each kind."""
    findings = tuple(
        {"kind": kind, "stage": "lake", "key": {"id": 4}, "position": None, "message": f"id 4 is {kind}"}
        for kind in kinds
    )
    known: dict[str, Any] = {"pipeline": "shop", "stage": "lake", "check": "counts", **fields}
    known.setdefault("message", f"the run at {hours:g} says {verdict}")
    return Outcome(
        **known, verdict=verdict, run_id=f"run-{hours:g}", at=at(hours), findings=findings, findings_total=len(findings)
    )
