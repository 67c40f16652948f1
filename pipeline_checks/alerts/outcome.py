"""What is known of one check after one run: all that deciding about an alert needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.values.json_values import to_json_value

WHOLE_RUN: Final = "run"
"""The check under which it stands that a run itself failed, so that nothing was judged."""
_FINDINGS_KEPT: Final = 20


@dataclass(frozen=True)
class Outcome:
    """The verdict of one check as one run found it.

    Parameters
    ----------
    stage:
        The stage, empty where it is about the pipeline itself.
    at:
        When the run began.
    findings:
        A sample, as reports show them.
    """

    pipeline: str
    stage: str
    check: str
    verdict: Verdict
    message: str
    run_id: str
    at: datetime
    findings: tuple[Mapping[str, Any], ...] = ()
    findings_total: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """Stage and kind of check."""
        return self.stage, self.check

    @property
    def marks(self) -> frozenset[str]:
        """What is wrong, so far as it is news: the verdict with each kind of finding."""
        kinds = {str(f.get("kind", "")) for f in self.findings}
        return frozenset(f"{self.verdict}:{kind}" for kind in kinds) or frozenset({str(self.verdict)})


def outcomes_of(result: RunResult) -> list[Outcome]:
    """Return the outcome of each check of a run."""
    return [outcome_of_document(result.pipeline, result.run_id, result.started_at, c.to_json()) for c in result.checks]


def outcome_of_document(pipeline: str, run_id: str, at: datetime, document: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a check's JSON tells, the form that reports and Dagster's metadata have.

    Raises KeyError or ValueError when it is not such a document.
    """
    findings = tuple(document.get("findings", ()))[:_FINDINGS_KEPT]
    return Outcome(
        pipeline,
        str(document["stage"]),
        str(document["check"]),
        Verdict(document["verdict"]),
        str(document.get("message", "")),
        run_id,
        at,
        tuple(to_json_value(f) for f in findings),
        int(document.get("findings_total", len(findings))),
    )


def run_outcome(pipeline: str, run_id: str, at: datetime, problem: str) -> Outcome:
    """Return the outcome of a run as a whole: an ERROR with its problem, a PASS when there is none."""
    verdict = Verdict.ERROR if problem else Verdict.PASS
    return Outcome(pipeline, "", WHOLE_RUN, verdict, problem or "the run ended", run_id, at)
