"""Running scenarios: a clean start, the damages of a round, the verification, undoing, and clean again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from pipeline_checks.checks.registry import KINDS as ALL_KINDS
from pipeline_checks.faults.expectation import Difference, Expectation, differences
from pipeline_checks.faults.fault import Target, TimesRecovery, inject, undo
from pipeline_checks.faults.injury import Injury, InjuryBook
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.parts import at_rest_of, services_of
from pipeline_checks.scenarios.outcome import Outcome, judged
from pipeline_checks.scenarios.rounds import in_rounds
from pipeline_checks.verification.run import Options, run_checks

Say = Callable[[str], None]

KINDS = tuple(kind for kind in ALL_KINDS if kind != "latency")
"""What is judged. Latency looks back for an hour: what one scenario delayed would be told of all that come behind."""


@dataclass
class _Running:
    """One scenario of the round at hand."""

    scenario: Scenario
    injury: Injury | None = None
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class ScenarioRunner:
    """Runs scenarios of one pipeline, whose services must be up and whose source must hold rows.

    Parameters
    ----------
    say:
        Is told what is being done.
    """

    def __init__(self, pipeline: Pipeline, say: Say, book: InjuryBook | None = None) -> None:
        self._pipeline = pipeline
        self._say = say
        self._book = book or InjuryBook()
        self._at_rest = at_rest_of(pipeline)

    def run(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Run the scenarios and return the outcome of each, in their order.

        Raises TerminalError when something is damaged or wrong already before the first.
        """
        left = [i.id for i in self._book if i.pipeline == self._pipeline.name]
        if left:
            raise TerminalError(
                f"{self._pipeline.name} is damaged already: {', '.join(left)}.",
                next_step="Undo that first: pipeline-checks fault undo --all.",
            )
        self._say("verifying that all is well before the first damage")
        wrong = unclean(run_checks(self._pipeline, checks=KINDS), self._at_rest)
        if wrong:
            raise TerminalError(
                f"{self._pipeline.name} is not well before any damage: {wrong[0]}.",
                next_step="Put it right, or begin with a stack of its own: PIPELINE_CHECKS_HOME=... and `run --keep`.",
                problems=wrong,
            )
        outcomes: list[Outcome] = []
        declared = list(scenarios)
        rounds = in_rounds(declared)
        lost = ""
        since: list[str] = []
        for number, members in enumerate(rounds, 1):
            if lost:
                outcomes += [Outcome(s, (f"not run: {lost}",)) for s in members]
                continue
            self._say(f"round {number} of {len(rounds)}: {', '.join(s.name for s in members)}")
            found = self._round(members)
            since += [s.name for s in members]
            if not (self._is_seen_next(members, rounds[number:]) and all(o.exact for o in found)):
                # Who looks at some stages only is seen to be gone from these; the last look is at everything.
                looked_at = members[0].stages if number < len(rounds) and all(o.exact for o in found) else None
                found, lost = self._cleared(found, since, looked_at)
                since = [] if looked_at is None else since
            outcomes += found
        place = {scenario.name: number for number, scenario in enumerate(declared)}
        return sorted(outcomes, key=lambda outcome: place[outcome.scenario.name])

    def _round(self, members: Sequence[Scenario]) -> list[Outcome]:
        """Damage, verify and undo, and return the outcomes."""
        running = [_Running(s) for s in members]
        result: RunResult | None = None
        try:
            for one in running:
                self._inject(one)
            self._say("verifying")
            first = members[0]
            result = run_checks(self._pipeline, first.stages, KINDS, Options(deadline=first.deadline))
        except PipelineChecksError as problem:
            for one in running:
                one.problems.append(f"could not be verified: {problem}")
        finally:
            for one in reversed(running):
                self._undo(one)
        return self._outcomes(running, result)

    def _is_seen_next(self, members: Sequence[Scenario], later: Sequence[Sequence[Scenario]]) -> bool:
        """Whether what a round leaves behind is found by the verification of the next: of everything, and patient.

        Services that were disturbed must be waited for before anything else is damaged: a connector that is starting
        again may put right what is done to its source.
        """
        if not later or any(s.stages is not None or s.deadline is not None for s in later[0]):
            return False
        holding = {stage.name for stage in self._pipeline.stages if stage.holds_rows}
        return not any(s.alone or s.target not in holding for s in members)

    def _cleared(
        self, outcomes: list[Outcome], since: Sequence[str], stages: Sequence[str] | None
    ) -> tuple[list[Outcome], str]:
        """Verify that all is well again; why no further round can be run stands beside the outcomes where it is not.

        ``since`` are the scenarios that were run and undone since all was last seen well, ``stages`` those that are
        looked at, or None for all of them.
        """
        self._say(f"verifying that {'all is' if stages is None else 'these stages are'} well again")
        wrong = unclean(run_checks(self._pipeline, stages, KINDS), self._at_rest)
        if not wrong:
            return outcomes, ""
        after = tuple(f"after undoing: {text}" for text in wrong)
        lost = f"what was done before it ({', '.join(since)}) could not be undone: {wrong[0]}"
        return [_with(o, after) for o in outcomes], lost

    def _inject(self, one: _Running) -> None:
        scenario, started = one.scenario, monotonic()
        try:
            one.injury = inject(scenario.fault, self._target(scenario), self._book)
            self._say(f"  {scenario.name}: {one.injury.what}")
            if scenario.then is not None:
                scenario.then()
        except PipelineChecksError as problem:
            one.problems.append(f"could not be injected: {problem}")
        one.seconds = monotonic() - started

    def _target(self, scenario: Scenario) -> Target:
        return Target(self._pipeline, scenario.target, tuple(services_of([self._pipeline])))

    def _undo(self, one: _Running) -> None:
        if one.injury is None:
            return
        try:
            undo(one.scenario.fault, self._target(one.scenario), one.injury, self._book)
        except PipelineChecksError as problem:
            one.problems.append(f"could not be undone: {problem}")

    def _outcomes(self, running: Sequence[_Running], result: RunResult | None) -> list[Outcome]:
        checks = () if result is None else result.checks
        expected = {one.scenario.name: one.scenario.expects(one.injury) for one in running if one.injury is not None}
        whole = reduce(Expectation.and_also, expected.values(), self._at_rest)
        found = [] if result is None else list(differences(whole, checks))
        strays = [d for d in found if not any(_is_about(one.scenario, d) for one in running)]
        outcomes = []
        for one in running:
            scenario, injury = one.scenario, one.injury
            if injury is None or result is None:
                outcomes.append(Outcome(scenario, tuple(one.problems), seconds=one.seconds))
                continue
            differing = [*one.problems, *(d.text for d in found if _is_about(scenario, d))]
            differing += [f"elsewhere: {d.text}" for d in strays]
            outcome = judged(scenario, expected[scenario.name], checks, differing, injury.what, one.seconds)
            if isinstance(scenario.fault, TimesRecovery):
                outcome = replace(outcome, recovery_seconds=scenario.fault.recovery_seconds)
            self._say(f"  {scenario.name}: {'exact' if outcome.exact else differing[0]}")
            outcomes.append(outcome)
        return outcomes


def _is_about(scenario: Scenario, difference: Difference) -> bool:
    return difference.seen_at in scenario.area or difference.blamed in scenario.area


def unclean(result: RunResult, at_rest: Expectation | None = None) -> list[str]:
    """Return what keeps a verification from being a clean one; a WARN has no findings and is clean.

    ``at_rest`` allows other verdicts of a pipeline that is not damaged.
    """
    allowed = at_rest or Expectation()
    return [
        f"{c.stage}.{c.check} is {c.verdict}: {c.judgement.message[:300]}"
        for c in result.checks
        if str(c.verdict) not in allowed.allowed(c.stage, c.check) or c.judgement.findings
    ]


def _with(outcome: Outcome, more: tuple[str, ...]) -> Outcome:
    return replace(outcome, differences=(*outcome.differences, *more))
