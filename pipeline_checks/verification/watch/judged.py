"""The verification of what has moved, and the answer for a stage that cannot be asked."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.honesty import could_not_look
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks

CLOCK_KINDS = frozenset({"freshness", "lag"})
"""The checks that time alone can make fail."""


def judge(pipeline: Pipeline, stages: Sequence[str], kinds: Collection[str] | None, deadline: float) -> RunResult:
    """Return the verdicts of some stages at one cut, waiting at most ``deadline`` seconds for them to settle.

    What keeps the verification from beginning is an ERROR of every check of theirs; nothing is raised for it.
    """
    try:
        return run_checks(pipeline, stages, kinds, Options(deadline=deadline))
    except PipelineChecksError as problem:
        return not_asked(pipeline, [pipeline.stage(name) for name in stages], problem, kinds)


def not_asked(
    pipeline: Pipeline,
    stages: Sequence[StageDeclaration],
    problem: PipelineChecksError,
    kinds: Collection[str] | None = None,
) -> RunResult:
    """Return an ERROR for every check of stages that could not be asked where they stand."""
    return RunResult(
        run_id=uuid.uuid4().hex,
        pipeline=pipeline.name,
        started_at=now(),
        seconds=0.0,
        cut=None,
        stages=tuple(StageResult(s.name, s.kind, None, None, problem=str(problem)) for s in stages),
        checks=tuple(
            CheckResult(stage.name, check.kind, could_not_look(problem), 0.0)
            for stage in stages
            for check in checks_of(stage)
            if kinds is None or check.kind in kinds
        ),
    )


def away(pipeline: Pipeline, stages: Sequence[StageDeclaration], why: str) -> RunResult:
    """Return an ERROR for every check of stages that do not answer; ``why`` is the kind of trouble."""
    names = ", ".join(s.name for s in stages)
    problem = TransientError(f"{names} could not be asked ({why}).", next_step="See that its services run.")
    return not_asked(pipeline, stages, problem)
