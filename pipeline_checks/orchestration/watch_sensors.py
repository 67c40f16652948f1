"""Sensors: one for each kind of position, over the stages of all pipelines. The cursor of each holds the positions.

What has moved is verified in the tick when it is small, and by a run when it is not. Every stage must have an asset of
its own in the code location.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from pipeline_checks.alerts.outcome import outcomes_of
from pipeline_checks.alerts.sending import send_alerts
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.evaluations import events_of
from pipeline_checks.orchestration.names import asset_key, keys_of
from pipeline_checks.orchestration.warming import warm_up
from pipeline_checks.verification.watch.kinds import WATCHES
from pipeline_checks.verification.watch.watch import Request, Tick, Watch

INTERVAL_SECONDS = 5
"""How often a sensor looks: as often as Dagster's daemon can."""
ALERT_SECONDS = 2.0
"""For which a tick tries to send an alert; what is not taken is sent later."""
WATCH_VARIABLE = "PIPELINE_CHECKS_WATCH"
REQUESTED_TAG = "pipeline_checks/watched"
"""Tag of a run that a sensor asked for; its value is the pipeline."""
_MOVED = {
    "lsn": "rows, columns or state of source tables, warehouses and connectors",
    "offsets": "the ends of topics and what consumer groups have committed",
    "version": "the versions of Delta tables",
    "snapshot": "the snapshots of Iceberg tables",
    "files": "files and objects",
    "api": "what APIs serve",
}


def watch_sensors(pipelines: Sequence[Pipeline]) -> list[dg.SensorDefinition]:
    """Return a sensor for each kind of position that a stage of the pipelines has.

    They run by themselves, unless ``PIPELINE_CHECKS_WATCH`` is ``off``. A pipeline whose environment is not set is left
    alone until it is.
    """
    kinds = {stage.kind for pipeline in pipelines for stage in pipeline.stages}
    return [_sensor(name, pipelines) for name, watched in WATCHES.items() if kinds & watched]


def _sensor(name: str, pipelines: Sequence[Pipeline]) -> dg.SensorDefinition:
    watch = Watch(name, pipelines)
    known = {p.name: p for p in pipelines}
    keys = [key for pipeline in pipelines for key in keys_of(pipeline)]

    @dg.sensor(
        name=f"watch_{name}",
        asset_selection=dg.AssetSelection.checks_for_assets(*keys),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if is_watching() else dg.DefaultSensorStatus.STOPPED,
        description=f"Verifies what has moved: {_MOVED[name]}, of all pipelines.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        warm_up()
        tick = watch.look(context.cursor, lambda pipeline: _is_busy(context.instance, pipeline))
        for result in tick.results:
            send_alerts(known[result.pipeline], outcomes_of(result), context.log.info, patience=ALERT_SECONDS)
        return _answer(known, tick)

    return look


def is_watching() -> bool:
    """Return whether sensors run by themselves; raises ConfigurationError when the setting is not on or off."""
    written = setting(WATCH_VARIABLE, "on").lower()
    if written not in ("on", "off"):
        raise ConfigurationError(f"{WATCH_VARIABLE} is {written!r}", next_step="Write on or off.")
    return written == "on"


def _answer(pipelines: Mapping[str, Pipeline], tick: Tick) -> dg.SensorResult:
    events: list[Any] = [e for result in tick.results for e in events_of(pipelines[result.pipeline], result)]
    requests = [_run_request(pipelines[r.pipeline], r) for r in tick.requests]
    skipped = None
    if not events and not requests:
        skipped = f"nothing has moved among {tick.watched} stages" if tick.watched else "no pipeline's services are up"
    return dg.SensorResult(run_requests=requests, asset_events=events, cursor=tick.cursor, skip_reason=skipped)


def _run_request(pipeline: Pipeline, request: Request) -> dg.RunRequest:
    checks = [
        dg.AssetCheckKey(asset_key(pipeline.name, stage.name), check.kind)
        for stage in pipeline.stages
        if stage.name in request.stages
        for check in checks_of(stage)
    ]
    return dg.RunRequest(
        run_key=request.key,
        asset_selection=[],
        asset_check_keys=checks,
        tags={REQUESTED_TAG: pipeline.name, "pipeline_checks/reason": request.reason},
    )


def _is_busy(instance: dg.DagsterInstance, pipeline: str) -> bool:
    """Whether a run that was asked for the pipeline has not ended: another would only wait behind it."""
    open_states = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    return bool(instance.get_runs(dg.RunsFilter(tags={REQUESTED_TAG: pipeline}, statuses=open_states), limit=1))
