"""Messages through validation, features and model, with a model that says what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from pipeline_checks.clients.fitted_model import FittedModel, Sidecar
from pipeline_checks.pipelines.churn.flow.fault_switches import FaultSwitches
from pipeline_checks.pipelines.churn.flow.names import FEATURES
from pipeline_checks.pipelines.churn.flow.outcomes import Input, Outcome, dead_letter
from pipeline_checks.pipelines.churn.flow.scoring import Scorer
from pipeline_checks.pipelines.churn.flow.validation import customer_validator, prediction_validator
from pipeline_checks_tests.unit.pipelines.churn.test_validation import GOOD


class Told:
    """A model whose probability is the monthly charge of the customer; it fails on 13."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict_proba(self, rows: Any) -> Any:
        self.calls.append(len(rows))
        charges = rows[:, FEATURES.index("MonthlyCharges")].astype(float)
        if (charges == 13).any():
            raise ValueError("thirteen")
        return np.column_stack([1 - charges, charges])


def scorer(model: Told, *faults: str, validating: bool = True) -> Scorer:
    sidecar = Sidecar("told-1", "told", "", {}, FEATURES, 0.5, 0, 0, {})
    judges = (customer_validator(), prediction_validator()) if validating else (None, None)
    return Scorer(FittedModel(model, sidecar), *judges, FaultSwitches.parse(faults))


def inputs(values: Sequence[Any]) -> list[Input]:
    return [
        Input("raw", 0, n, b"key", v if isinstance(v, bytes) or v is None else orjson.dumps(v))
        for n, v in enumerate(values)
    ]


def of(probability: float, number: int = 0) -> dict[str, Any]:
    return {**GOOD, "customerID": f"{number:04d}-ABCDE", "MonthlyCharges": probability}


@pytest.mark.parametrize(
    ("probability", "shown", "label"),
    [
        (0.5, 0.5, "Yes"),
        (np.nextafter(0.5, 0), 0.5, "No"),
        (np.nextafter(0.5, 1), 0.5, "Yes"),
        (0.4999996, 0.5, "No"),
        (0.4999994, 0.499999, "No"),
        (0.0, 0.0, "No"),
        (1.0, 1.0, "Yes"),
    ],
)
def test_the_label_follows_the_probability_before_it_is_rounded(probability: float, shown: float, label: str) -> None:
    (outcome,) = scorer(Told()).score(inputs([of(float(probability))]))
    assert outcome.prediction is not None
    assert outcome.prediction["churn_probability"] == shown
    assert outcome.prediction["prediction"] == label
    assert outcome.prediction["model_version"] == "told-1"
    assert outcome.prediction["event_ts"] == GOOD["event_ts"]


def test_one_message_on_which_the_model_fails_takes_no_other_with_it() -> None:
    model = Told()
    outcomes = scorer(model).score(inputs([of(13.0 if n == 37 else 0.25, n) for n in range(100)]))
    failed = [o for o in outcomes if o.failure is not None]
    assert [o.source.offset for o in failed] == [37]
    assert failed[0].failure is not None and failed[0].failure.error_type == "inference_error"
    assert len(outcomes) == 100 and len(model.calls) <= 16  # halves, not single messages


def test_every_message_has_one_outcome_in_its_place_whatever_it_holds() -> None:
    values = [of(0.1), None, b"\xff", b"[]", {"customerID": "x"}, of(0.9, 2), b"{", {**GOOD, "TotalCharges": "abc"}]
    for validating in (True, False):
        outcomes = scorer(Told(), validating=validating).score(inputs(values))
        assert [o.source.offset for o in outcomes] == list(range(len(values)))
        assert all((o.prediction is None) != (o.failure is None) for o in outcomes)
        wrong = [o.source.offset for o in outcomes if o.failure is not None]
        assert wrong == [1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("missing", ["customerID", "event_ts"])
def test_without_validation_a_prediction_is_still_never_made_up(missing: str) -> None:
    message = {name: value for name, value in of(0.3).items() if name != missing}
    (outcome,) = scorer(Told(), validating=False).score(inputs([message]))
    assert outcome.failure is not None
    assert outcome.failure.error_type == "processing_error" and missing in outcome.failure.error_message


def test_headers_lead_back_to_the_input_and_the_key_is_kept() -> None:
    source = Input("raw", 2, 41, None, orjson.dumps(of(0.1, 7)))
    (outcome,) = scorer(Told()).score([source])
    headers = dict(outcome.headers("run-1"))
    assert headers["source_topic"] == b"raw" and headers["run_id"] == b"run-1"
    assert (headers["source_partition"], headers["source_offset"]) == (b"2", b"41")
    assert float(headers["processing_ms"]) > 0
    assert outcome.key == b"0007-ABCDE"
    keyed = Outcome(Input("raw", 0, 0, b"its own", b"{}"), {"customerID": "0007-ABCDE"}, None, 0.0, {})
    assert keyed.key == b"its own"


def test_a_dead_letter_tells_of_retries_only_when_there_were_some() -> None:
    (outcome,) = scorer(Told()).score(inputs([None]))
    assert outcome.failure is not None
    first, third = (orjson.loads(dead_letter(outcome.failure, "raw", "group", n)) for n in (0, 2))
    assert "retry_count" not in first and third["retry_count"] == 2
    assert first["original_message"] == {"raw_base64": None, "reason": "null_value"}


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="model-raises"):
        FaultSwitches.parse(["nonsense"])
