"""The job that measures a pipeline, and the schedule by which it runs every night."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import dagster as dg

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline

EVERY_NIGHT = "0 2 * * *"


class BenchmarkConfig(dg.Config):
    """How many rows each workload has; the pipeline's own sizes when none is named."""

    sizes: list[int] = []


def benchmark_of(pipeline: Pipeline) -> dg.ScheduleDefinition | None:
    """Return the schedule of the benchmark, with its job; None when the pipeline has none.

    It is that of the module ``benchmark`` beside the pipeline's flow. The services must be up. Nothing runs before
    somebody turns the schedule on.
    """
    module = _module(pipeline)
    if module is None:
        return None

    @dg.op(
        name=f"{pipeline.name}_measure",
        description=f"Send workloads of growing size through {pipeline.name} and measure each.",
    )
    def measure(context: dg.OpExecutionContext, config: BenchmarkConfig) -> None:
        try:
            report = module.run(config.sizes or module.SIZES, context.log.info)
        except PipelineChecksError as problem:
            metadata: Any = {"next_step": problem.next_step}
            raise dg.Failure(problem.message, metadata=metadata, allow_retries=False) from problem
        rates = {f"rows_per_second_{r['workload_size']}": r["throughput"] for r in report["results"]}
        context.add_output_metadata({"report": dg.MetadataValue.json(report), **rates})

    @dg.job(name=f"{pipeline.name}_benchmark", executor_def=dg.in_process_executor)
    def benchmark() -> None:
        measure()

    return dg.ScheduleDefinition(
        name=f"{pipeline.name}_benchmark_nightly",
        job=benchmark,
        cron_schedule=EVERY_NIGHT,
        execution_timezone="UTC",
        description=f"Measures {pipeline.name} at two in the morning, UTC.",
    )


def _module(pipeline: Pipeline) -> ModuleType | None:
    if pipeline.flow is None or "." not in pipeline.flow:
        return None
    name = f"{pipeline.flow.rpartition('.')[0]}.benchmark"
    return import_module(name) if find_spec(name) is not None else None
