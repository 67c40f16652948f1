"""The code location: our pipelines, those of the project in the working directory, and the jobs about the stack."""

import importlib
from pathlib import Path

import dagster as dg

import pipeline_checks
from pipeline_checks.orchestration.alert_sensor import alert_sensor
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.orchestration.operations import build_operations
from pipeline_checks.orchestration.stack_jobs import stack_jobs
from pipeline_checks.verification.discovery import load_pipelines, project_sources

_OURS = importlib.import_module("pipeline_checks.pipelines")
_ROOT = Path(pipeline_checks.__file__).parent.parent


@dg.definitions
def defs() -> dg.Definitions:
    """Return everything that the code location shows."""
    pipelines = load_pipelines()
    return dg.Definitions.merge(
        dg.load_defs(_OURS, project_root=_ROOT),
        *(build_pipeline_definitions(source.build()) for source in project_sources()),
        build_operations(pipelines),
        dg.Definitions(jobs=stack_jobs(pipelines), sensors=[alert_sensor(pipelines)], executor=dg.in_process_executor),
    )
