"""dbt_tests: what dbt's own tests found about a model in the run that built it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

TESTS = Facts("tests")
_WELL = frozenset({"pass", "success"})


class DbtTestsCheck:
    """Every test of the model was run and found nothing; one that only warns is a doubt."""

    kind = "dbt_tests"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every model whose table of test results is declared."""
        return getattr(stage, "runs", None) is not None and getattr(stage, "tests", None) is not None

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the tests stand in the dbt project."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the results of the tests."""
        return frozenset({TESTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a test that found rows or could not be run, WARN for one that only warns."""
        results: Sequence[Mapping[str, Any]] = evidence[TESTS] or ()
        bad = [r for r in results if r["status"] not in _WELL]
        warned = [r for r in bad if r["status"] == "warn"]
        findings = tuple(_finding(evidence, r) for r in bad if r["status"] != "warn")
        looked_at = {"tests": len(results)}
        if not results:
            return Judgement(Verdict.UNSETTLED, "no test of the model was run", looked_at)
        message = summary_of(findings) if findings else f"{counted(len(results), 'test')} of dbt found nothing"
        return conclude(
            evidence,
            message,
            looked_at,
            findings=findings,
            doubts=[f"{r['test']} warns: {counted(int(r['failures'] or 0), 'row')}" for r in warned],
            measures={"tests": len(results), "failed": len(findings), "warned": len(warned)},
        )


def _finding(evidence: Evidence, result: Mapping[str, Any]) -> Finding:
    failures = result["failures"]
    said = f"found {counted(int(failures), 'row')}" if failures is not None else str(result["message"] or "was not run")
    return Finding(
        "unaccepted_value",
        evidence.stage.name,
        f"dbt's test {result['test']} {said}",
        position=evidence.position,
        detail=str(result["test"]),
        expected=0,
        seen=failures,
        extra={"status": result["status"]},
    )


CHECK = DbtTestsCheck()
