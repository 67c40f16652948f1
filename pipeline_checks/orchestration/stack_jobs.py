"""Jobs about the stack and its data: start, stop, look, seed."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import dagster as dg

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.pipelines.parts import seed_of, services_of, states_of
from pipeline_checks.stack.providers import provider
from pipeline_checks.stack.status import Progress, Report, ServiceState


class StackConfig(dg.Config):
    """Where the services come from; the environment decides when it is empty."""

    provider: str = ""


class UpConfig(StackConfig):
    """Which pipelines' services are started, those of all when none is named."""

    pipelines: list[str] = []


class DownConfig(StackConfig):
    """What stopping the stack removes."""

    purge: bool = False


class SeedConfig(dg.Config):
    """What seed data is written."""

    rows: int = 1000
    seed: int = 42
    scenario: str = "default"


T = TypeVar("T")


def _told(action: Callable[[], T]) -> T:
    """Do something; an error of ours fails the op once and for all, with what to do about it."""
    try:
        return action()
    except PipelineChecksError as problem:
        raise dg.Failure(problem.message, metadata={"next_step": problem.next_step}, allow_retries=False) from problem


def _states(states: Sequence[ServiceState]) -> dict[str, Any]:
    return {state.name: dg.MetadataValue.json(state.to_json()) for state in states}


def _reporter(context: dg.OpExecutionContext) -> Report:
    def report(step: Progress) -> None:
        if step.what != "fetching":
            context.log.info(f"{step.service} {step.what} after {step.seconds:.1f} s {step.message}".rstrip())

    return report


def stack_jobs(pipelines: Sequence[Pipeline]) -> list[dg.JobDefinition]:
    """Return ``stack_up``, ``stack_down`` and ``stack_health`` for the services of the pipelines."""

    @dg.op(description="Start the services and wait until each answers its protocol.")
    def start_services(context: dg.OpExecutionContext, config: UpConfig) -> None:
        unknown = sorted(set(config.pipelines) - {p.name for p in pipelines})
        if unknown:
            known = ", ".join(p.name for p in pipelines)
            raise dg.Failure(f"there is no pipeline {unknown[0]!r}; there are: {known}", allow_retries=False)
        services = services_of(p for p in pipelines if not config.pipelines or p.name in config.pipelines)
        states = _told(lambda: provider(config.provider or None).up(services, _reporter(context)))
        context.add_output_metadata(_states(states))

    @dg.op(description="Stop everything that was started.")
    def stop_services(context: dg.OpExecutionContext, config: DownConfig) -> None:
        _told(lambda: provider(config.provider or None).down(config.purge, _reporter(context)))

    @dg.op(description="Ask each service; fails when one is not ready.")
    def look_at_services(context: dg.OpExecutionContext, config: StackConfig) -> None:
        states = _told(lambda: states_of(pipelines, provider(config.provider or None).status))
        context.add_output_metadata(_states(states))
        lame = [s.name for s in states if s.state not in ("ready", "done")]
        if lame or not states:
            raise dg.Failure(f"not ready: {', '.join(lame)}" if lame else "no service is running", allow_retries=False)

    @dg.job(name="stack_up", executor_def=dg.in_process_executor)
    def stack_up() -> None:
        start_services()

    @dg.job(name="stack_down", executor_def=dg.in_process_executor)
    def stack_down() -> None:
        stop_services()

    @dg.job(name="stack_health", executor_def=dg.in_process_executor)
    def stack_health() -> None:
        look_at_services()

    return [stack_up, stack_down, stack_health]


def seed_job(pipeline: Pipeline) -> dg.JobDefinition | None:
    """Return ``<pipeline>_seed``, None when the pipeline has no seed data."""
    if pipeline.seed is None:
        return None

    @dg.op(name=f"{pipeline.name}_write_seed", description=f"Write seed data into the source of {pipeline.name}.")
    def write_seed(context: dg.OpExecutionContext, config: SeedConfig) -> None:
        module = seed_of(pipeline)
        summary = _told(lambda: module.seed(config.rows, config.seed, config.scenario))
        context.add_output_metadata({"summary": dg.MetadataValue.json(summary.to_json()), **summary.expected_counts()})

    @dg.job(name=f"{pipeline.name}_seed", executor_def=dg.in_process_executor)
    def seed() -> None:
        write_seed()

    return seed
