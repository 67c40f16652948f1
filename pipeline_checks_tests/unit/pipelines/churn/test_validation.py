"""Messages against their schemas and a customer's fields against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.pipelines.churn.flow.names import INTERNET_SERVICES
from pipeline_checks.pipelines.churn.flow.validation import (
    SchemaValidator,
    customer_validator,
    dead_letter_validator,
    prediction_validator,
)

GOOD: dict[str, Any] = {
    "customerID": "0001-ABCDE",
    "gender": "Male",
    "SeniorCitizen": 0,
    "Partner": "Yes",
    "Dependents": "No",
    "tenure": 5,
    "PhoneService": "Yes",
    "MultipleLines": "No",
    "InternetService": "DSL",
    **dict.fromkeys(INTERNET_SERVICES, "No"),
    "Contract": "One year",
    "PaperlessBilling": "Yes",
    "PaymentMethod": "Mailed check",
    "MonthlyCharges": 50.5,
    "TotalCharges": "252.5",
    "event_ts": "2026-01-31T10:00:00.5Z",
}
NONE = dict.fromkeys(INTERNET_SERVICES, "No internet service")


@pytest.fixture(scope="module")
def judge() -> SchemaValidator:
    return customer_validator()


def fields(errors: list[str]) -> list[str]:
    return sorted(text.split("'")[1] for text in errors)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Churn": "Yes"},
        {"TotalCharges": 252.5},
        {"TotalCharges": "  ", "tenure": 0},
        {"PhoneService": "No", "MultipleLines": "No phone service"},
        {"InternetService": "No", **NONE},
        {"MonthlyCharges": 200, "tenure": 100},
        {"event_ts": "2028-02-29T23:59:59Z"},
    ],
)
def test_good_customers_pass(judge: SchemaValidator, changes: dict[str, Any]) -> None:
    assert judge.validate({**GOOD, **changes}) == (True, [])


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"customerID": "1-ABCDE"}, ["customerID"]),
        ({"gender": "male"}, ["gender"]),
        ({"SeniorCitizen": 2}, ["SeniorCitizen"]),
        ({"tenure": 101}, ["tenure"]),
        ({"tenure": 1.5}, ["tenure"]),
        ({"MonthlyCharges": "50"}, ["MonthlyCharges"]),
        ({"MonthlyCharges": 200.01}, ["MonthlyCharges"]),
        ({"TotalCharges": -1}, ["TotalCharges"]),
        ({"TotalCharges": None}, ["TotalCharges"]),
        ({"TotalCharges": "1e3"}, ["TotalCharges"]),
        ({"TotalCharges": " "}, ["TotalCharges"]),
        ({"tenure": 0}, ["TotalCharges"]),
        ({"event_ts": "2026-01-31T10:00:00"}, ["event_ts"]),
        ({"event_ts": "2026-01-31T10:00:00+00:00"}, ["event_ts"]),
        ({"event_ts": "2026-02-30T10:00:00Z"}, ["event_ts"]),
        ({"PhoneService": "No"}, ["MultipleLines"]),
        ({"MultipleLines": "No phone service"}, ["MultipleLines"]),
        ({"InternetService": "No"}, sorted(INTERNET_SERVICES)),
        ({"InternetService": "Cable", **NONE}, ["InternetService"]),
        ({"OnlineBackup": "No internet service"}, ["OnlineBackup"]),
        ({"OnlineBackup": "Perhaps"}, ["OnlineBackup"]),
        ({"surplus": 1, "more": 2}, ["root"]),
    ],
)
def test_each_mistake_is_told_once_at_its_field(
    judge: SchemaValidator, changes: dict[str, Any], wrong: list[str]
) -> None:
    ok, errors = judge.validate({**GOOD, **changes})
    assert not ok and fields(errors) == wrong


def test_each_missing_field_is_told_and_no_rule_adds_to_it(judge: SchemaValidator) -> None:
    for field in (f for f in GOOD if f not in {"customerID"}):
        ok, errors = judge.validate({name: value for name, value in GOOD.items() if name != field})
        assert (ok, errors) == (False, [f"Field 'root': \"{field}\" is a required property"])
    assert len(judge.validate({})[1]) == len(judge.get_required_fields()) == 21


def test_what_the_schema_says_of_its_fields(judge: SchemaValidator) -> None:
    types = {name: judge.get_field_type(name) for name in ("tenure", "TotalCharges", "gender", "nothing")}
    assert types == {"tenure": "integer", "TotalCharges": "number/string", "gender": "string", "nothing": None}
    assert "Churn" not in judge.get_required_fields()
    assert [ok for ok, _ in judge.validate_batch([GOOD, {}, []])] == [True, False, False]


def test_schemas_that_are_missing_or_none_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        SchemaValidator(tmp_path / "absent.json")
    for text, said in (("{", "is not JSON"), ('{"type": "nonsense"}', "is not a JSON Schema")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match=said):
            SchemaValidator(tmp_path / "bad.json")


def test_predictions_and_dead_letters_have_closed_schemas() -> None:
    prediction = {
        "customerID": "0001-ABCDE",
        "churn_probability": 0.25,
        "prediction": "No",
        "event_ts": "2026-01-31T10:00:00Z",
        "processed_ts": "2026-01-31T10:00:00.1Z",
    }
    assert prediction_validator().validate(prediction) == (True, [])
    for changes in ({"prediction": "0"}, {"churn_probability": 1.1}, {"more": 1}, {"processed_ts": "2026-01-31"}):
        assert prediction_validator().validate({**prediction, **changes})[0] is False
    letter = {
        "original_message": {"any": [1]},
        "error_type": "unknown_error",
        "error_message": "Unexpected processing error",
        "source_topic": "t",
        "failed_ts": "2026-01-31T10:00:00Z",
    }
    assert dead_letter_validator().validate(letter) == (True, [])
    for wrong in ({"error_type": "other"}, {"original_message": "text"}, {"retry_count": 0}, {"failed_ts": None}):
        assert dead_letter_validator().validate({**letter, **wrong})[0] is False
