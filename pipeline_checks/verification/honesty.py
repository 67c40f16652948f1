"""Never green by absence: a judgement that was made too early, or of nothing, does not stand as a pass."""

from __future__ import annotations

from dataclasses import replace

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.measure import CoverageState, KeyDifference
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

NEEDS_THE_CUT = frozenset({"counts", "fates", "freshness", "reconcile", "references", "totals", "transactions"})
"""Checks whose promise is about the cut; of a stage that cannot say what it covers they prove nothing."""


def could_not_look(problem: Exception) -> Judgement:
    """Return the judgement of a check whose evidence could not be read."""
    message = str(problem) if isinstance(problem, PipelineChecksError) else f"{type(problem).__name__}: {problem}"
    return Judgement(Verdict.ERROR, f"could not look: {message}")


def honest(
    kind: str,
    stage: StageDeclaration,
    judgement: Judgement,
    coverage: CoverageState,
    keys: KeyDifference | None,
) -> Judgement:
    """Return the judgement, lowered where it was made too early or of nothing.

    A FAIL or ERROR stands as it is. ``keys`` is the comparison of the stage's keys, when there is one: it proves that
    an empty stage has to be empty.
    """
    if judgement.verdict not in (Verdict.PASS, Verdict.WARN):
        return judgement
    if coverage.covers_cut is False:
        return _unsettled(judgement, coverage, coverage.reason or "the stage does not cover the cut")
    if coverage.covers_cut is None and kind in NEEDS_THE_CUT:
        return _unsettled(judgement, coverage, coverage.reason or "the stage cannot say what it covers")
    if judgement.verdict is Verdict.PASS and not any(judgement.looked_at.values()):
        if stage.may_be_empty and (keys is None or keys.expected_rows == 0):
            return replace(judgement, message=f"{judgement.message} (empty, as it may be and must be)".strip())
        return replace(
            judgement,
            verdict=Verdict.UNSETTLED,
            message=f"looked at nothing: {judgement.message}. If the stage may be empty, declare may_be_empty: true.",
        )
    return judgement


def _unsettled(judgement: Judgement, coverage: CoverageState, reason: str) -> Judgement:
    waited = f" after {coverage.waited_seconds:.1f} s" if coverage.waited_seconds else ""
    lag = f", {coverage.lag_seconds:.1f} s behind" if coverage.lag_seconds else ""
    return replace(judgement, verdict=Verdict.UNSETTLED, message=f"unsettled{waited}: {reason}{lag}")
