"""Stages that do not keep up: further behind the cut than their limit allows."""

from __future__ import annotations

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding


def falling_behind(evidence: Evidence, within: float | None = None) -> tuple[Finding, ...]:
    """Return the finding of a stage that is behind by more than it may be; empty when it is not, or may yet catch up.

    Beyond the stage's ``lag_limit`` it has ``stalled``; beyond ``within`` seconds, where that is less, it is ``late``.
    """
    state, stage = evidence.coverage, evidence.stage
    if state.covers_cut is not False or state.lag_seconds is None:
        return ()
    stalled = state.lag_seconds > stage.lag_limit
    if not stalled and (within is None or state.lag_seconds <= within):
        return ()
    limit = stage.lag_limit if stalled or within is None else within
    reason = f": {state.reason}" if state.reason else ""
    return (
        Finding(
            "stalled" if stalled else "late",
            stage.name,
            f"{stage.name} is {state.lag_seconds:.1f} s behind, {limit:g} s are allowed{reason}",
            position=evidence.position,
            detail="behind",
            expected=limit,
            seen=round(state.lag_seconds, 3),
        ),
    )
