"""What a verdict means in Dagster."""

from dataclasses import dataclass

import dagster as dg

from pipeline_checks.model.verdict import Verdict


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
