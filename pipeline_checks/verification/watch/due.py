"""When the clock has to come for a stage of which nothing moves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline_checks.checks.applicability import is_source
from pipeline_checks.checks.registry import check
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.stage import StageDeclaration

_JUST_AFTER = 1.0
"""Seconds after the limit, so that it has passed whatever is rounded."""


def is_by_clock(stage: StageDeclaration) -> bool:
    """Whether the data of the stage becomes too old by the time alone: a source that promises how old it may be."""
    return limit_of(stage) is not None


def limit_of(stage: StageDeclaration) -> float | None:
    """Return how old (seconds) the newest data of a source may be; None without such a promise."""
    freshness = check("freshness")
    if not is_source(stage) or not freshness.applies_to(stage):
        return None
    configuration: Any = freshness.configure(stage)
    within: float | None = configuration.within
    return within


def after_a_look(stage: StageDeclaration, result: RunResult, now: float) -> float | None:
    """Return the instant (seconds since 1970) at which the stage will be too old if nothing comes; None for never.

    A stage that is too old already has been found to be; it is looked at again when it moves.
    """
    within = limit_of(stage)
    if within is None:
        return None
    judged = next((c for c in result.checks if (c.stage, c.check) == (stage.name, "freshness")), None)
    newest = None if judged is None else judged.judgement.measures.get("newest_event_time")
    if not isinstance(newest, str):
        return None
    read = datetime.fromisoformat(newest)
    if read.tzinfo is None:
        return None
    at = read.timestamp() + within + _JUST_AFTER
    return at if at > now else None
