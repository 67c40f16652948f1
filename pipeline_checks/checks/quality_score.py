"""quality_score: validators of a stage's rows, each with a score; below its limit it is a warning, never more.

What is wrong exactly is told by other checks, row by row; a score stands beside them and replaces none.
"""

from __future__ import annotations

from pipeline_checks.checks.judging import counted
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.quality import Quality, QualityPromise, QualitySample
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class QualityScoreCheck:
    """Shares of cells without a value, of rows that break rules, of repeats and outliers, against limits."""

    kind = "quality_score"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises it."""
        return stage.holds_rows and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> QualityPromise:
        """Return the validators; raises ``pydantic.ValidationError`` when the promise is malformed."""
        return QualityPromise.model_validate(stage.contract.promises[self.kind])

    def measures(self, stage: StageDeclaration, configuration: QualityPromise) -> frozenset[Measure]:
        """Return what the validators count."""
        return frozenset({Quality(configuration)})

    def judge(self, configuration: QualityPromise, evidence: Evidence) -> Judgement:
        """Return WARN when a validator's limit is not kept or all together score too low, UNSETTLED without rows."""
        found: QualitySample = evidence[Quality(configuration)]
        looked_at = {"rows": found.rows}
        measures = {"score": round(found.score, 6), "validators": [r.to_json() for r in found.results]}
        if not found.rows:
            return Judgement(Verdict.UNSETTLED, "no rows to score", looked_at, measures)
        failed = [r for r in found.results if not r.passed]
        message = f"score {found.score:.3f} of {counted(len(found.results), 'validator')}"
        if failed:
            message += "; not kept: " + ", ".join(f"{r.name} ({r.score:.3f})" for r in failed)
        low = found.score < found.at_least
        if low:
            message += f"; at least {found.at_least:g} is promised"
        return Judgement(Verdict.WARN if failed or low else Verdict.PASS, message, looked_at, measures)


CHECK = QualityScoreCheck()
