"""growth: a stage has about as many rows as its history lets expect, by the median and the median deviation.

The expectation follows the trend of the history, and the hour and weekday where there is enough history of them. Only
a stage whose contract promises ``growth:`` gets the check.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline_checks.checks.expected_rows import Expectation, expected_rows
from pipeline_checks.checks.judging import conclude, counted, inexact, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure, RowCount
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class GrowthConfiguration(CheckConfiguration):
    """``growth: {deviations: 4, tolerance: 0.01, least_runs: 10, severity: fail}``; all of it may be left out.

    ``deviations``: how many times the usual deviation from the expectation is still usual. ``tolerance``: the share of
    the expected rows by which a count may always differ, so that a stage that never changed may do so by a little.
    ``least_runs``: how many earlier counts are enough to judge. ``severity``: ``warn`` where an unusual count is worth
    a look, ``fail`` (the default) where it is a fault.
    """

    deviations: Annotated[float, Field(gt=0)] = 4.0
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    least_runs: Annotated[int, Field(strict=True, ge=3)] = 10
    severity: Literal["warn", "fail"] = "fail"


class GrowthCheck:
    """Row count against the counts of earlier runs."""

    kind = "growth"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Stages with rows whose contract promises it."""
        return stage.holds_rows and stage.contract.promises.get(self.kind, False) is not False

    def configure(self, stage: StageDeclaration) -> GrowthConfiguration:
        """Return what is usual; ``growth:`` without anything, or ``growth: true``, takes the defaults."""
        if stage.contract.promises.get(self.kind) is True:
            return GrowthConfiguration()
        return promise_of(stage, self.kind, GrowthConfiguration)

    def measures(self, stage: StageDeclaration, configuration: GrowthConfiguration) -> frozenset[Measure]:
        """Return the rows and what earlier runs counted."""
        return frozenset({RowCount(), Previous()})

    def judge(self, configuration: GrowthConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL (or WARN, by ``severity``) with one finding when the count is unusual.

        Without enough history nothing is judged, and the check warns of that: it is neither proved nor unsettled.
        """
        rows: int = evidence[RowCount()] or 0
        previous: PreviousState = evidence[Previous()]
        history = previous.rows
        if previous.problem or len(history) < configuration.least_runs:
            known = f"{len(history):,} of {counted(configuration.least_runs, 'earlier count')}"
            reason = previous.problem or f"not enough history: {known}"
            return Judgement(Verdict.WARN, f"{counted(rows, 'row')}, not judged: {reason}", {"runs": 0}, {"rows": rows})
        expected = expected_rows([(c.at, c.rows) for c in history], evidence.now)
        allowed = expected.allowed(configuration.deviations, configuration.tolerance)
        findings = _findings(evidence, rows, expected, allowed)
        judgement = conclude(
            evidence,
            _message(rows, expected, allowed, len(history)),
            {"runs": len(history)},
            findings=findings,
            doubts=inexact(evidence, (RowCount(),), "the row count"),
            measures=_measures(rows, expected, allowed),
        )
        if findings and configuration.severity == "warn":
            return Judgement(
                Verdict.WARN, judgement.message, judgement.looked_at, judgement.measures, findings, len(findings)
            )
        return judgement


def _findings(evidence: Evidence, rows: int, expected: Expectation, allowed: float) -> tuple[Finding, ...]:
    low, high = expected.rows - allowed, expected.rows + allowed
    if low <= rows <= high:
        return ()
    has_shrunk = rows < low
    word = "fewer" if has_shrunk else "more"
    return (
        Finding(
            "missing" if has_shrunk else "unexpected",
            evidence.stage.name,
            f"{evidence.stage.name} has {counted(rows, 'row')}, {abs(rows - round(expected.rows)):,} {word} than its"
            f" history lets expect ({round(expected.rows):,}, give or take {round(allowed):,})",
            position=evidence.position,
            detail="anomaly",
            expected={"rows": round(expected.rows), "least": max(0, round(low)), "most": round(high)},
            seen=rows,
            extra={"change": "shrunk" if has_shrunk else "grown", "season": expected.season},
        ),
    )


def _message(rows: int, expected: Expectation, allowed: float, runs: int) -> str:
    said = f"{counted(rows, 'row')}, {round(expected.rows):,} expected, give or take {round(allowed):,}"
    return f"{said}, by {counted(runs, 'earlier count')} ({expected.basis})"


def _measures(rows: int, expected: Expectation, allowed: float) -> dict[str, Any]:
    return {
        "rows": rows,
        "expected_rows": round(expected.rows, 3),
        "allowed_difference": round(allowed, 3),
        "usual_deviation": round(expected.deviation, 3),
        "rows_per_day": round(expected.rows_per_day, 3),
        "season": expected.season,
    }


CHECK = GrowthCheck()
