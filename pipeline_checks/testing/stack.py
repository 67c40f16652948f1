"""The services that a test session's pipelines run on, and their checks as tests call them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.testing.modes import SKIP_VARIABLE, Mode

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.model.result import RunResult
    from pipeline_checks.pipelines.parts import Summary
    from pipeline_checks.stack.status import Progress, ServiceState


@dataclass(frozen=True)
class PipelineStack:
    """What the fixture ``pipeline_checks_stack`` gives.

    Parameters
    ----------
    pipelines:
        The pipelines whose services were asked for, by name.
    mode:
        Who starts and stops the services.
    started:
        The services that these tests have started; those that ran before are not among them.
    """

    pipelines: dict[str, Pipeline]
    mode: Mode
    started: tuple[str, ...] = field(default=())

    @property
    def services(self) -> list[ServiceState]:
        """The services as they are now, those of each pipeline once."""
        from pipeline_checks.pipelines.parts import services_of
        from pipeline_checks.stack.providers import provider

        wanted = services_of(self.pipelines.values())
        names = {s.name for s in wanted}
        return [s for s in provider(self.mode.provider).status(wanted) if s.name in names] if wanted else []

    def setting(self, name: str) -> str:
        """Return an address or path of the stack, such as ``CDC_POSTGRES_URL``.

        Raises ConfigurationError when neither the environment nor the stack has it.
        """
        from pipeline_checks.clients.settings import setting

        return setting(name)

    def seed(self, pipeline: str, rows: int = 1000, seed: int = 42) -> Summary | None:
        """Write seed data where the pipeline's source is empty, ``rows`` a table; None where it holds rows already."""
        from pipeline_checks.pipelines.parts import seed_of

        module = seed_of(self._pipeline(pipeline))
        return module.seed(rows, seed) if module.is_empty() else None

    def check(
        self,
        target: str,
        *,
        only: Collection[str] | None = None,
        deadline: float | None = None,
        full: bool = False,
    ) -> RunResult:
        """Verify a pipeline or one stage of it and return the verdicts, whatever they are.

        Parameters
        ----------
        target:
            ``PIPELINE`` or ``PIPELINE.STAGE``.
        only:
            Kinds of checks; all when None.
        deadline:
            Seconds to wait for stages to settle, instead of what each declares.
        full:
            Read everything again, also what was verified before.
        """
        from pipeline_checks.verification.run import Options, run_checks

        name, _, stage = target.partition(".")
        return run_checks(self._pipeline(name), [stage] if stage else None, only, Options(deadline=deadline, full=full))

    def prove(
        self,
        target: str,
        *,
        only: Collection[str] | None = None,
        deadline: float | None = None,
        full: bool = False,
        strict: bool = False,
    ) -> RunResult:
        """Verify as ``check`` does, and raise AssertionError with the table and the findings unless all has passed.

        A WARN passes unless ``strict``; UNSETTLED and ERROR never do.
        """
        result = self.check(target, only=only, deadline=deadline, full=full)
        if result.verdict not in ((Verdict.PASS,) if strict else (Verdict.PASS, Verdict.WARN)):
            from pipeline_checks.reports.console import render

            raise AssertionError(f"{target} is {result.verdict}\n\n{render([result])}")
        return result

    def _pipeline(self, name: str) -> Pipeline:
        from pipeline_checks.verification.discovery import load_pipeline

        return self.pipelines.get(name) or load_pipeline(name)


def bring_up(
    pipelines: Sequence[Pipeline], mode: Mode, report: Callable[[Progress], None] | None = None
) -> PipelineStack:
    """Return the stack with every service of the pipelines ready.

    Raises an error of this package when a service is missing: a test that needs it has then not passed, and was not
    left out either.
    """
    from pipeline_checks.pipelines.parts import services_of
    from pipeline_checks.stack.providers import provider
    from pipeline_checks.stack.status import silent

    stack = PipelineStack({p.name: p for p in pipelines}, mode)
    services = services_of(pipelines)
    if not services:
        return stack
    ran = {s.name for s in stack.services if s.state not in ("absent", "stopped")}
    started = tuple(s.name for s in services if s.name not in ran) if mode.managed else ()
    try:
        provider(mode.provider).up(services, report or silent)
    except BaseException as error:
        take_down(pipelines, mode, started)
        if mode.managed or not isinstance(error, PipelineChecksError):
            raise
        _tell_who_starts(error)
    return replace(stack, started=started)


def take_down(pipelines: Sequence[Pipeline], mode: Mode, started: Collection[str]) -> list[str]:
    """Stop the services that the tests have started; return their names."""
    from pipeline_checks.pipelines.parts import services_of
    from pipeline_checks.stack.providers import provider

    if not started or not mode.managed:
        return []
    chosen = provider(mode.provider)
    mine = [s for s in services_of(pipelines) if s.name in started]
    others = [s.name for s in chosen.status() if s.ready and s.name not in started]
    return chosen.stop(mine) if others else chosen.down()


def _tell_who_starts(error: PipelineChecksError) -> NoReturn:
    raise type(error)(
        error.message,
        next_step=f"{error.next_step} Start them with `pipeline-checks up`; without {SKIP_VARIABLE} and with the "
        "provider embedded the tests start them.",
    ) from error
