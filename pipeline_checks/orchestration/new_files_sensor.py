"""A sensor that has new files loaded, for pipelines whose flow loads files when it is asked to."""

import json
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import dagster as dg

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.watch.environment import has_environment
from pipeline_checks.verification.watch.positions import Positions, is_away

INTERVAL_SECONDS = 5


def new_files_sensor(pipeline: Pipeline) -> dg.SensorDefinition | None:
    """Return the sensor ``<pipeline>_new_files``; None when the pipeline's flow is not asked to load.

    It looks at the files of the stage that the module ``new_files`` beside the pipeline's flow names, and calls its
    ``load_new_files`` when they have changed. As it moves data, it is off until somebody turns it on.
    """
    module = _module(pipeline)
    if module is None:
        return None
    stage = pipeline.stage(module.STAGE)
    positions = Positions()

    @dg.sensor(
        name=f"{pipeline.name}_new_files",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Has new files of {stage.name} loaded by {pipeline.name}.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if not has_environment(pipeline):
            return dg.SensorResult(skip_reason=f"the services of {pipeline.name} are not up", cursor=context.cursor)
        found = positions.read([(pipeline.name, stage)])[pipeline.name, stage.name]
        if found is None or is_away(found):
            return dg.SensorResult(skip_reason=f"{stage.name} could not be asked", cursor=context.cursor)
        here = json.dumps(found, sort_keys=True)
        if here == context.cursor or not found.get("value"):
            return dg.SensorResult(skip_reason="no new files", cursor=here)
        try:
            is_done, said = module.load_new_files()
        except PipelineChecksError as problem:
            raise dg.Failure(problem.message, metadata={"next_step": problem.next_step}) from problem
        context.log.info(said)
        return dg.SensorResult(skip_reason=said, cursor=here if is_done else context.cursor)

    return look


def _module(pipeline: Pipeline) -> ModuleType | None:
    if pipeline.flow is None or "." not in pipeline.flow:
        return None
    name = f"{pipeline.flow.rpartition('.')[0]}.new_files"
    return import_module(name) if find_spec(name) is not None else None
