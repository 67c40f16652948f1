"""The services of a call: brought up where they do not run, and taken down as the configuration says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_checks.cli.output import progress
from pipeline_checks.cli.services import tell

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.pipelines.sales.flow.configuration.model import Configuration
    from pipeline_checks.stack.providers import Provider


@dataclass
class RunningPipeline:
    """The pipeline on services that are up; ``passed`` is to be set by whoever uses them."""

    pipeline: Pipeline
    provider: Provider
    passed: bool = field(default=False)


@contextmanager
def running_services(configuration: Configuration, *, cleanup: bool = True) -> Iterator[RunningPipeline]:
    """Bring the services up and take down those of a stack that did not run before.

    Whether they are taken down behind what passed, and behind what did not, and whether their data stays, are settings
    of ``test_environment``; without ``cleanup`` everything stays as it is.
    """
    from pipeline_checks.pipelines.parts import services_of
    from pipeline_checks.stack.providers import provider
    from pipeline_checks.verification.discovery import load_pipeline

    pipeline = load_pipeline("sales")
    source = provider()
    ran_before = any(state.pid for state in source.status())
    call = RunningPipeline(pipeline, source)
    settings = configuration.test_environment
    try:
        source.up(services_of([pipeline]), tell)
        yield call
    finally:
        wanted = settings.cleanup_containers_on_success if call.passed else settings.cleanup_containers_on_failure
        if cleanup and wanted and not ran_before:
            source.down(purge=not settings.preserve_test_data, report=tell)
        elif not ran_before:
            progress("the services stay up: pipeline-checks down ends them")
