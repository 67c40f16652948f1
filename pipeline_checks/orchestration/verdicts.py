"""What a verdict means in Dagster."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from pipeline_checks.model.result import CheckResult, StageResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.orchestration import metadata


@dataclass(frozen=True)
class Outcome:
    """What a check result says to Dagster."""

    passed: bool
    severity: dg.AssetCheckSeverity


def outcome_of(verdict: Verdict, *, blocking: bool) -> Outcome:
    """Return what a verdict says to Dagster.

    PASS passes. WARN and UNSETTLED do not pass, as warnings; of a blocking check as errors, so that nothing passes
    unproved. FAIL and ERROR do not pass, as errors.
    """
    if verdict is Verdict.PASS:
        return Outcome(True, dg.AssetCheckSeverity.ERROR)
    if verdict in (Verdict.WARN, Verdict.UNSETTLED) and not blocking:
        return Outcome(False, dg.AssetCheckSeverity.WARN)
    return Outcome(False, dg.AssetCheckSeverity.ERROR)


def facts_of(result: CheckResult, stage: StageResult | None, *, blocking: bool) -> dict[str, Any]:
    """Return what a result and an evaluation of a check tell alike: whether it passed, severity, words, metadata."""
    outcome = outcome_of(result.verdict, blocking=blocking)
    return {
        "passed": outcome.passed,
        "severity": outcome.severity,
        "description": metadata.truncated(result.judgement.message, 500),
        "metadata": metadata.of_check(result, stage),
    }
