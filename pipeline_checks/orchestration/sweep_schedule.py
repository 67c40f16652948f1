"""The daily sweep: every check of every pipeline, with everything read again."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.names import asset_key, keys_of, session_resource
from pipeline_checks.orchestration.watch_sensors import is_watching
from pipeline_checks.verification.watch.environment import has_environment

EVERY_DAY = "30 3 * * *"


def daily_sweep(pipelines: Sequence[Pipeline]) -> dg.ScheduleDefinition:
    """Return the schedule ``daily_sweep``: one run a pipeline whose environment is set, at half past three, UTC.

    What the sensors cannot see, such as a data file that was changed without a commit, it finds. It is on by itself
    when the sensors are.
    """
    keys = [key for pipeline in pipelines for key in keys_of(pipeline)]

    @dg.schedule(
        name="daily_sweep",
        cron_schedule=EVERY_DAY,
        execution_timezone="UTC",
        target=dg.AssetSelection.checks_for_assets(*keys),
        default_status=dg.DefaultScheduleStatus.RUNNING if is_watching() else dg.DefaultScheduleStatus.STOPPED,
        description="Verifies every pipeline with everything read again, at half past three, UTC.",
    )
    def sweep(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        ready = [p for p in pipelines if has_environment(p)]
        if not ready:
            yield dg.SkipReason("no pipeline's services are up")
        for pipeline in ready:
            yield _request(pipeline, f"{context.scheduled_execution_time:%Y-%m-%d}")

    return sweep


def _request(pipeline: Pipeline, day: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"daily_sweep/{pipeline.name}/{day}",
        asset_selection=[],
        asset_check_keys=[
            dg.AssetCheckKey(asset_key(pipeline.name, stage.name), check.kind)
            for stage in pipeline.stages
            for check in checks_of(stage)
        ],
        run_config={"resources": {session_resource(pipeline.name): {"config": {"full": True}}}},
        tags={"pipeline_checks/sweep": pipeline.name},
    )
