"""The verdicts of a verification as the validation report shows them."""

from __future__ import annotations

from datetime import timedelta
from statistics import fmean
from typing import Any

from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict

_PASSED = frozenset({Verdict.PASS, Verdict.WARN})


def validation_report(result: RunResult) -> dict[str, Any]:
    """Return the report: every check of every stage, passed as a whole only when each passed.

    The score is what a check measured as one, else 1 or 0 by its verdict; the overall score is their plain mean. It
    says how far a run is from good and never makes one pass.
    """
    ended_at = result.started_at + timedelta(seconds=result.seconds)
    results = [_result(check, ended_at.isoformat()) for check in result.checks]
    return {
        "pipeline_run_id": result.run_id,
        "start_time": result.started_at.isoformat(),
        "end_time": ended_at.isoformat(),
        "overall_passed": bool(results) and all(r["passed"] for r in results),
        "overall_score": round(fmean(r["score"] for r in results), 4) if results else 0.0,
        "stage_results": results,
    }


def _result(check: CheckResult, timestamp: str) -> dict[str, Any]:
    passed = check.verdict in _PASSED
    return {
        "stage": check.stage,
        "check_name": check.check,
        "passed": passed,
        "score": _score(check, passed),
        "details": {
            "verdict": str(check.verdict),
            "looked_at": dict(check.judgement.looked_at),
            "measures": dict(check.judgement.measures),
            "findings": [f.to_json() for f in check.judgement.findings],
            "findings_total": check.judgement.total,
            "seconds": round(check.seconds, 4),
        },
        "timestamp": timestamp,
        "error_message": None if passed else check.judgement.message,
    }


def _score(check: CheckResult, passed: bool) -> float:
    measured = check.judgement.measures.get("score")
    if isinstance(measured, int | float) and not isinstance(measured, bool) and 0 <= measured <= 1:
        return round(float(measured), 4)
    return 1.0 if passed else 0.0
