"""Results of a verification, in the form that CI jobs and other programs read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline_checks.model.cut import Cut
from pipeline_checks.model.measure import Measured
from pipeline_checks.model.position import Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.verdict import Judgement, Verdict, overall

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StageResult:
    """What was found of one stage: its position, whether it covers the cut, rows with grade, schema, lag.

    ``problem`` says why the stage could not be settled or read, empty when it could.
    """

    name: str
    kind: str
    position: Position | None
    covers_cut: bool | None
    rows: Measured | None = None
    schema: Schema | None = None
    lag_seconds: float | None = None
    waited_seconds: float = 0.0
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the stage as the report shows it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "position": None if self.position is None else self.position.to_json(),
            "covers_cut": self.covers_cut,
            "rows": None if self.rows is None else {"value": self.rows.value, "grade": str(self.rows.grade)},
            "schema": [] if self.schema is None else self.schema.to_json(),
            "lag_seconds": self.lag_seconds,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class CheckResult:
    """The verdict of one check about one stage."""

    stage: str
    check: str
    judgement: Judgement
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.judgement.verdict

    def to_json(self) -> dict[str, Any]:
        """Return the check as the report shows it."""
        return {
            "stage": self.stage,
            "check": self.check,
            "verdict": str(self.verdict),
            "message": self.judgement.message,
            "looked_at": dict(self.judgement.looked_at),
            "measures": dict(self.judgement.measures),
            "findings": [f.to_json() for f in self.judgement.findings],
            "findings_total": self.judgement.total,
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True)
class RunResult:
    """The whole of one verification of one pipeline.

    ``messages`` are warnings about the run itself, such as a ledger that could not be written; they change no verdict.
    """

    run_id: str
    pipeline: str
    started_at: datetime
    seconds: float
    cut: Cut | None
    stages: tuple[StageResult, ...] = ()
    checks: tuple[CheckResult, ...] = field(default=())
    messages: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole."""
        return overall(c.verdict for c in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``check --json``; changing a name here means another ``schema_version``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "verdict": str(self.verdict),
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "cut": None if self.cut is None else self.cut.to_json(),
            "stages": [s.to_json() for s in self.stages],
            "checks": [c.to_json() for c in self.checks],
            **({"messages": list(self.messages)} if self.messages else {}),
        }
