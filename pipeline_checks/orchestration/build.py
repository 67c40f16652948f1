"""A pipeline as Dagster definitions."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.orchestration.assets import stage_asset
from pipeline_checks.orchestration.benchmark_job import benchmark_of
from pipeline_checks.orchestration.checks import stage_checks
from pipeline_checks.orchestration.dbt_assets import ModelAssets, model_assets
from pipeline_checks.orchestration.names import asset_key, keys_of, session_resource
from pipeline_checks.orchestration.partitions import partition_assets
from pipeline_checks.orchestration.scenario_job import scenario_job
from pipeline_checks.orchestration.session_resource import session_resource_of
from pipeline_checks.orchestration.stack_jobs import seed_job
from pipeline_checks.verification.definition import check_pipeline


def build_pipeline_definitions(pipeline: Pipeline) -> dg.Definitions:
    """Return the assets, checks, jobs and resources of a pipeline.

    For people who declare pipelines in Python; merge the result with other definitions of the code location. All jobs
    run in process: parallel work happens in the engines, and the ops of a run share one consistent cut.

    Raises ConfigurationError telling every promise of the pipeline that cannot work.
    """
    check_pipeline(pipeline)
    own = [job for job in (seed_job(pipeline), scenario_job(pipeline)) if job is not None]
    models, benchmark = model_assets(pipeline), benchmark_of(pipeline)
    return dg.Definitions(
        assets=[*_assets(pipeline, models), *partition_assets(pipeline)],
        asset_checks=_all_checks(pipeline),
        jobs=[*_jobs(pipeline, models), *own],
        schedules=[] if benchmark is None else [benchmark],
        resources={session_resource(pipeline.name): session_resource_of(pipeline)},
        executor=dg.in_process_executor,
    )


def _all_checks(pipeline: Pipeline) -> list[dg.AssetChecksDefinition]:
    made = (stage_checks(pipeline, stage) for stage in pipeline.stages)
    return [checks for checks in made if checks is not None]


def _assets(pipeline: Pipeline, models: ModelAssets | None) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset a stage; of a stage that dbt makes it is the model's."""
    modelled = frozenset[dg.AssetKey]() if models is None else models.keys
    stages = [s for s in pipeline.stages if asset_key(pipeline.name, s.name) not in modelled]
    made: list[dg.AssetsDefinition | dg.AssetSpec] = [stage_asset(pipeline, stage) for stage in stages]
    return made if models is None else [*made, models.definition]


def _jobs(pipeline: Pipeline, models: ModelAssets | None) -> list[Any]:
    """The jobs over a pipeline's assets.

    ``AssetSelection.all()`` leaves out checks on external assets, blocking ones too, so checks are named one by one.
    """
    modelled = frozenset[dg.AssetKey]() if models is None else models.keys
    checks = dg.AssetSelection.checks_for_assets(*{*keys_of(pipeline), *modelled})
    settled = {asset_key(pipeline.name, s.name) for s in _settled(pipeline.stages)} | modelled
    assets = dg.AssetSelection.assets(*settled)
    return [
        dg.define_asset_job(
            f"{pipeline.name}_run",
            selection=assets | checks if settled else checks,
            description=f"Settle every stage of {pipeline.name} and judge every check, at one cut.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            f"{pipeline.name}_check",
            selection=checks,
            description=f"Judge every check of {pipeline.name}, at one cut; nothing is materialized.",
            executor_def=dg.in_process_executor,
        ),
    ]


def _settled(stages: Sequence[StageDeclaration]) -> list[StageDeclaration]:
    return [stage for stage in stages if not stage.external]
