"""What came of one run of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.sales.artifacts.validation import validation_report
from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport

_GOOD = frozenset({Verdict.PASS, Verdict.WARN})


@dataclass(frozen=True)
class RunOutcome:
    """One run: what was verified, measured and left.

    Parameters
    ----------
    problems:
        What was not as it must be, as sentences; a run without any has passed.
    """

    test: str
    started_at: datetime
    ended_at: datetime
    result: RunResult | None
    metrics: dict[str, Any] | None
    components: tuple[ComponentReport, ...]
    problems: tuple[str, ...]
    artifacts: Path | None

    @property
    def success(self) -> bool:
        """Whether everything was as it must be."""
        return not self.problems

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Return the run as the pipeline report shows it."""
        return {
            "test_name": self.test,
            "start_time": self.started_at.isoformat(),
            "end_time": self.ended_at.isoformat(),
            "duration_seconds": round(self.seconds, 3),
            "success": self.success,
            "validation_summary": None if self.result is None else validation_report(self.result),
            "performance_metrics": self.metrics,
            "error_details": "; ".join(self.problems)[:2000] or None,
            "artifacts": None if self.artifacts is None else str(self.artifacts),
        }


def unexpected(result: RunResult) -> list[str]:
    """Return the checks that did not pass."""
    return [
        f"{c.stage}.{c.check} is {c.verdict}: {c.judgement.message[:300]}"
        for c in result.checks
        if c.verdict not in _GOOD
    ]
