"""The job that takes out of the event log and the ledger what is older than what is kept, and its schedule."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from pydantic import Field

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.names import asset_key
from pipeline_checks.orchestration.retention import prune
from pipeline_checks.orchestration.watch_sensors import is_watching

EVERY_NIGHT = "45 2 * * *"


class RetentionConfig(dg.Config):
    """How long the event log is kept; the ledger is kept for ``PIPELINE_CHECKS_LEDGER_KEEP``."""

    days: int = Field(default=30, ge=1, description="Days for which runs and events are kept.")
    seconds: float = Field(default=600.0, gt=0, description="Seconds after which the rest is left for the next time.")


def retention(pipelines: Sequence[Pipeline]) -> dg.ScheduleDefinition:
    """Return the schedule ``retention_nightly`` with its job ``retention``; it is on by itself when the sensors are."""
    checks = [
        dg.AssetCheckKey(asset_key(pipeline.name, stage.name), check.kind)
        for pipeline in pipelines
        for stage in pipeline.stages
        for check in checks_of(stage)
    ]

    @dg.op(description="Take old runs and events out of the event log; the newest of each check and asset stay.")
    def prune_event_log(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
        before = now() - timedelta(days=config.days)
        pruned = prune(context.instance, before, checks, Deadline(config.seconds))
        context.add_output_metadata({"runs": pruned.runs, "events_of_no_run": pruned.events})

    @dg.op(description="Take old runs out of the ledger; the newest schema, facts and proof of each stage stay.")
    def prune_ledger(context: dg.OpExecutionContext) -> None:
        from pipeline_checks.verification.ledger.ledger import Ledger
        from pipeline_checks.verification.ledger.location import location

        try:
            place = location()
            runs = 0
            if place.file is None or place.file.exists():  # a file is begun by the first run that is recorded
                with Ledger(place, create=False) as ledger:
                    runs = ledger.expire()
        except PipelineChecksError as problem:
            raise dg.Failure(problem.message, metadata={"next_step": problem.next_step}) from problem
        context.add_output_metadata({"runs": runs})

    @dg.job(name="retention", executor_def=dg.in_process_executor)
    def job() -> None:
        prune_event_log()
        prune_ledger()

    return dg.ScheduleDefinition(
        name="retention_nightly",
        job=job,
        cron_schedule=EVERY_NIGHT,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if is_watching() else dg.DefaultScheduleStatus.STOPPED,
        description="Takes what is older than what is kept out of the event log and the ledger, every night.",
    )
