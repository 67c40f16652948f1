"""Verdicts that no run gave, as events of Dagster: a sensor's tick returns them."""

from collections.abc import Iterator

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.orchestration import metadata
from pipeline_checks.orchestration.assets import data_version, position_text
from pipeline_checks.orchestration.names import asset_key
from pipeline_checks.orchestration.verdicts import facts_of


def events_of(pipeline: Pipeline, result: RunResult) -> Iterator[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """Return an observation of each stage, with its position as data version, and the evaluation of each check."""
    settled = {stage.name: stage for stage in result.stages}
    for stage in result.stages:
        version = data_version(stage)
        yield dg.AssetObservation(
            asset_key=asset_key(pipeline.name, stage.name),
            metadata=metadata.of_stage(stage),
            tags={} if version is None else {"dagster/data_version": position_text(stage)},
        )
    for check in result.checks:
        blocking = pipeline.stage(check.stage).blocking
        yield dg.AssetCheckEvaluation(
            asset_key=asset_key(pipeline.name, check.stage),
            check_name=check.check,
            blocking=blocking,
            **facts_of(check, settled.get(check.stage), blocking=blocking),
        )
