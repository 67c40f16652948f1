"""What keeps watch over pipelines and cleans up: the sensors and schedules of a code location."""

from collections.abc import Sequence

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.new_files_sensor import new_files_sensor
from pipeline_checks.orchestration.partitions import partitions_sensor
from pipeline_checks.orchestration.retention_job import retention
from pipeline_checks.orchestration.sweep_schedule import daily_sweep
from pipeline_checks.orchestration.watch_sensors import watch_sensors


def build_operations(pipelines: Sequence[Pipeline]) -> dg.Definitions:
    """Return the sensors, the daily sweep and the retention of all pipelines.

    Merge it with the definitions of the same pipelines, once in a code location.
    """
    made = (make(pipeline) for pipeline in pipelines for make in (new_files_sensor, partitions_sensor))
    own = [sensor for sensor in made if sensor is not None]
    return dg.Definitions(
        sensors=[*watch_sensors(pipelines), *own],
        schedules=[daily_sweep(pipelines), retention(pipelines)],
        executor=dg.in_process_executor,
    )
