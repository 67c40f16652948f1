"""predictions: another probability, label or version is told; so is a model that its own trees disagree with."""

from __future__ import annotations

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.predictions import PredictionComparison, PredictionDifference, WrongPrediction
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import given_at, judge, made, made_at, plain

PROMISE = {"model": "model", "probability": "score", "label": "label", "version": "version"}
STAGE = made({"predictions": PROMISE})
COMPARED = PredictionComparison("model", "score", "label", "version", 6, "Yes", "No")


def wrong(column: str, expected: object, seen: object) -> WrongPrediction:
    return WrongPrediction(made_at(3), given_at(5), column, expected, seen)


def test_it_needs_links_and_its_columns() -> None:
    found = check("predictions")
    assert [found.applies_to(s) for s in (STAGE, made())] == [True, False]
    with pytest.raises(ConfigurationError, match="links"):
        found.configure(plain({"predictions": PROMISE}))
    with pytest.raises(ConfigurationError, match="'p'"):
        found.configure(made({"predictions": {**PROMISE, "probability": "p"}}))


def test_predictions_of_the_model_pass_with_a_second_scorer() -> None:
    judgement = judge("predictions", STAGE, {COMPARED: PredictionDifference(10, "m-1", 2e-16)})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "10 predictions by m-1, a second scorer within 2.0e-16"


@pytest.mark.parametrize(("column", "expected", "seen"), [("score", 0.5, 0.500001), ("label", "Yes", "No")])
def test_another_probability_or_label_is_told_with_both_places(column: str, expected: object, seen: object) -> None:
    found = PredictionDifference(10, "m-1", 0.0, counts=((column, 1),), wrong=(wrong(column, expected, seen),))
    (finding,) = judge("predictions", STAGE, {COMPARED: found}).findings
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == ("changed", column, expected, seen)
    assert (finding.key, finding.position) == ({"partition": 0, "offset": 5}, made_at(3).position)
    assert finding.extra["input"]["key"] == "k5"


def test_predictions_of_another_model_are_one_finding() -> None:
    found = PredictionDifference(
        10, "m-1", 0.0, counts=(("version", 7),), versions=((7, wrong("version", "m-1", "m-0")),)
    )
    judgement = judge("predictions", STAGE, {COMPARED: found})
    (finding,) = judgement.findings
    assert (judgement.total, finding.extra["keys_total"], finding.seen) == (7, 7, "m-0")


@pytest.mark.parametrize("distance", [1e-8, float("nan")])
def test_a_second_scorer_that_disagrees_is_told(distance: float) -> None:
    (finding,) = judge("predictions", STAGE, {COMPARED: PredictionDifference(10, "m-1", distance)}).findings
    assert (finding.stage, finding.detail) == ("model", "second_scorer")


def test_no_second_scorer_and_lost_inputs_are_doubts_and_no_prediction_is_no_pass() -> None:
    judgement = judge("predictions", STAGE, {COMPARED: PredictionDifference(10, "m-1", None, unlinked=2)})
    assert judgement.verdict is Verdict.WARN
    assert "no second scorer" in judgement.message
    assert "2 predictions of an input that is not there" in judgement.message
    nothing = judge("predictions", STAGE, {COMPARED: PredictionDifference(0, "m-1", 0.0)})
    assert nothing.verdict is Verdict.UNSETTLED
