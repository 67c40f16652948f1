"""What a page tells of: a run, with what is known of its pipeline and its past."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.verification.ledger.past import Past


@dataclass(frozen=True)
class Subject:
    """One run of one pipeline.

    Parameters
    ----------
    pipeline:
        As it is declared now; None where no such pipeline is found.
    past:
        What the ledger tells, None where it could not be asked: ``no_past`` says why.
    """

    result: RunResult
    pipeline: Pipeline | None = None
    past: Past | None = None
    no_past: str = "no ledger was read"
