"""Measures about records that were made of others, and about who makes them."""

from __future__ import annotations

from typing import Any

from pipeline_checks.model.clock import now
from pipeline_checks.model.conservation import Conservation, GroupLag, LinkOrder, Rates
from pipeline_checks.model.dead_letters import DeadLetters
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.predictions import PredictionComparison
from pipeline_checks.verification.conserving import conservation, group_lag
from pipeline_checks.verification.letters import dead_letters
from pipeline_checks.verification.link_order import link_order, rates
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

LinkMeasure = Conservation | GroupLag | LinkOrder | Rates | PredictionComparison | DeadLetters


def link_measure(pipeline: Pipeline, pinner: Pinner, settled: Settled, measure: LinkMeasure) -> Any:
    """Return the value of a measure about a stage that was settled."""
    stage = settled.declaration
    if isinstance(measure, Conservation):
        return conservation(pipeline, pinner, stage)
    if isinstance(measure, GroupLag):
        return group_lag(pipeline, pinner, settled)
    if isinstance(measure, LinkOrder):
        return link_order(pipeline, pinner, stage)
    if isinstance(measure, Rates):
        return rates(pinner.history(stage.name), now(), measure.window)
    if isinstance(measure, DeadLetters):
        return dead_letters(pipeline, pinner, settled, measure)
    from pipeline_checks.verification.predicting import compare_predictions

    return compare_predictions(pipeline, pinner, settled, measure)
