"""predictions: each is what the model says of its input, computed anew, and by a second scorer that walks its trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from pipeline_checks.checks.judging import conclude, counted, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.predictions import PredictionComparison, PredictionDifference, WrongPrediction
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class PredictionsConfiguration(CheckConfiguration):
    """``predictions: {model: model, probability: churn_probability, label: prediction, version: model_version}``.

    ``model``: the stage of the model. ``probability``, ``label``, ``version``: columns of the predictions; without
    ``version`` they do not name their model. ``digits``: those that the probability is rounded to, 6 by default.
    ``positive``, ``negative``: the labels. ``scorer_tolerance``: how far the second scorer may be off, 1e-9 by default.
    """

    model: str
    probability: str
    label: str
    version: str | None = None
    digits: Annotated[int, Field(strict=True, ge=0, le=15)] = 6
    positive: str = "Yes"
    negative: str = "No"
    scorer_tolerance: Annotated[float, Field(gt=0)] = 1e-9

    @property
    def measure(self) -> PredictionComparison:
        """What must be known to judge."""
        return PredictionComparison(
            self.model, self.probability, self.label, self.version, self.digits, self.positive, self.negative
        )


class PredictionsCheck:
    """Predictions against the model at its pinned version."""

    kind = "predictions"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Stages whose contract promises it."""
        return bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> PredictionsConfiguration:
        """Return what is promised; raises ConfigurationError for a stage without links or such columns."""
        found = promise_of(stage, self.kind, PredictionsConfiguration)
        if not is_linked(stage):
            raise ConfigurationError(
                f"{stage.name} promises predictions and does not say what they were made of",
                next_step="Declare `links` of the stage.",
            )
        for column in (found.probability, found.label, found.version):
            if column is not None and stage.contract.columns and column not in stage.contract.columns:
                raise ConfigurationError(
                    f"predictions names {column!r}, which is not among the columns",
                    next_step=f"Known: {', '.join(stage.contract.columns)}.",
                    path=(self.kind,),
                )
        return found

    def measures(self, stage: StageDeclaration, configuration: PredictionsConfiguration) -> frozenset[Measure]:
        """Return the predictions set against the model."""
        return frozenset({configuration.measure})

    def judge(self, configuration: PredictionsConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding each probability, label or version that is another."""
        difference: PredictionDifference = evidence[configuration.measure]
        findings = tuple(_findings(configuration, evidence, difference))
        counts = dict(difference.counts)
        distance = difference.second_scorer
        scorers = "" if distance is None else f", a second scorer within {distance:.1e}"
        wrong = "".join(f", {number:,} with another {column}" for column, number in counts.items())
        doubts = [] if distance is not None else ["there is no second scorer for this kind of model"]
        if difference.unlinked:
            doubts.append(f"{counted(difference.unlinked, 'prediction')} of an input that is not there")
        return conclude(
            evidence,
            f"{counted(difference.computed, 'prediction')} by {difference.model_version}{scorers}{wrong}",
            {"predictions": difference.computed},
            findings=findings,
            total=max(len(findings), sum(counts.values())),
            doubts=doubts,
            measures={
                "predictions": difference.computed,
                "model_version": difference.model_version,
                "second_scorer": distance,
                "unlinked": difference.unlinked,
                **{f"wrong_{column}": number for column, number in counts.items()},
            },
        )


def _findings(
    limits: PredictionsConfiguration, evidence: Evidence, difference: PredictionDifference
) -> Iterator[Finding]:
    for wrong in difference.wrong:
        yield _finding(evidence, wrong, 1)
    for number, wrong in difference.versions:
        yield _finding(evidence, wrong, number)
    distance = difference.second_scorer
    if distance is not None and not distance <= limits.scorer_tolerance:  # a distance that is no number is too far too
        yield Finding(
            "changed",
            limits.model,
            f"the model and a second scorer are {distance:.3e} apart, {limits.scorer_tolerance:g} is allowed",
            position=evidence.position,
            detail="second_scorer",
            expected=limits.scorer_tolerance,
            seen=distance,
        )


def _finding(evidence: Evidence, wrong: WrongPrediction, number: int) -> Finding:
    others = f", and {number - 1:,} more" if number > 1 else ""
    return Finding(
        "changed",
        evidence.stage.name,
        f"{wrong.column} of the prediction at {wrong.prediction}, of {wrong.source}, is {wrong.seen!r}; the model says"
        f" {wrong.expected!r}{others}",
        key={"partition": wrong.source.partition, "offset": wrong.source.offset},
        position=wrong.prediction.position,
        detail=wrong.column,
        expected=wrong.expected,
        seen=wrong.seen,
        extra={"input": wrong.source.to_json(), **({"keys_total": number} if number > 1 else {})},
    )


CHECK = PredictionsCheck()
