"""The run of a verification: settle, read, check, record. It exists once; Dagster's assets and the commands call it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.verification.environment import require_environment
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.session import VerificationSession


def run_checks(
    pipeline: Pipeline,
    stages: Sequence[str] | None = None,
    checks: Collection[str] | None = None,
    options: Options | None = None,
) -> RunResult:
    """Verify a pipeline at one cut and return the verdicts.

    ``stages`` and ``checks`` narrow what is judged to stages by name and checks by kind; all when None. Raises
    ConfigurationError when a name is not known, nothing is left to check, or a variable of the environment is not
    set; everything else stands in the result.
    """
    names = [s.name for s in pipeline.stages]
    unknown = [s for s in stages or () if s not in names]
    if unknown:
        raise ConfigurationError(
            f"pipeline {pipeline.name!r} has no stage {unknown[0]!r}", next_step=f"Its stages are: {', '.join(names)}."
        )
    selected = [s for s in pipeline.stages if stages is None or s.name in stages]
    judged = [s for s in selected if any(checks is None or c.kind in checks for c in checks_of(s))]
    if not judged:
        kinds = ", ".join(sorted(checks or ()))
        raise ConfigurationError(
            f"nothing to check: no selected stage of {pipeline.name!r} has a check of {kinds}",
            next_step=f"See `pipeline-checks list {pipeline.name}` for the checks of each stage.",
        )
    require_environment(pipeline, judged)
    with VerificationSession(pipeline, options) as session:
        for stage in judged:
            session.settle(stage.name)
        for stage in judged:
            session.evaluate(stage.name, checks)
        session.record()
        return session.result()


__all__ = ["Options", "run_checks"]
