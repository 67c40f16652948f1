"""Every way in which a message can fail, with validation and without: exactly one dead letter, or a prediction."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline_checks.pipelines.churn.flow.validation import dead_letter_validator
from pipeline_checks_tests.churn.customers import valid
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Record, Topics

MODEL, OUTPUT, UNFORESEEN = "0091-FAULT", "0092-FAULT", "0093-FAULT"
PREDICTED = "prediction"


@dataclass(frozen=True)
class Case:
    """A message: what becomes of it with validation and without, the fields of its errors, why it cannot be read."""

    key: str
    value: Any
    judged: str
    unjudged: str
    fields: tuple[str, ...] = ()
    reason: str = ""
    says: str = ""

    @property
    def raw(self) -> bytes | None:
        """The bytes that are sent."""
        return self.value if self.value is None or isinstance(self.value, bytes) else json.dumps(self.value).encode()


VALIDATION, PROCESSING = "validation_error", "processing_error"
MISSING = 19
CASES = {
    "first": Case(
        *("INVALID_001", {"customerID": "INVALID_001", "gender": "Unknown"}, VALIDATION, PROCESSING),
        fields=("customerID", "gender", *["root"] * MISSING),
    ),
    "second": Case(
        *("INVALID_002", {"customerID": "INVALID_002", "tenure": -5, "MonthlyCharges": "x"}, VALIDATION, PROCESSING),
        fields=("customerID", "tenure", "MonthlyCharges", *["root"] * (MISSING - 1)),
    ),
    "unknown category": Case(
        "0060-VALID", valid(60, Contract="Three year"), VALIDATION, PREDICTED, fields=("Contract",)
    ),
    "extra field": Case("0061-VALID", valid(61, extra=1), VALIDATION, PREDICTED, fields=("root",)),
    "total is text": Case(
        "0062-VALID", valid(62, TotalCharges="abc"), VALIDATION, PROCESSING, fields=("TotalCharges",)
    ),
    "blank total": Case("0063-VALID", valid(63, TotalCharges=" ", tenure=0), PREDICTED, PREDICTED),
    "no phone, many lines": Case(
        *("0064-VALID", valid(64, PhoneService="No", MultipleLines="Yes"), VALIDATION, PREDICTED),
        fields=("MultipleLines",),
    ),
    "a time that is none": Case(
        "0065-VALID", valid(65, event_ts="2025-13-45T99:99:99Z"), VALIDATION, PREDICTED, fields=("event_ts",)
    ),
    "a boolean": Case(
        *("0066-VALID", valid(66, SeniorCitizen=True), VALIDATION, PROCESSING),
        fields=("SeniorCitizen", "SeniorCitizen"),
    ),
    "null total": Case("0067-VALID", valid(67, TotalCharges=None), VALIDATION, PROCESSING, fields=("TotalCharges",)),
    "not JSON": Case("k1", b'{"customerID": ', PROCESSING, PROCESSING, reason="not_json"),
    "not UTF-8": Case("k2", b'{"customerID": "\xff\xfe"}', PROCESSING, PROCESSING, reason="not_utf8"),
    "null": Case("k3", None, PROCESSING, PROCESSING, reason="null_value"),
    "empty": Case("k4", b"", PROCESSING, PROCESSING, reason="not_json"),
    "list": Case("k5", b'[{"customerID": "0001-AAAAA"}]', PROCESSING, PROCESSING, reason="not_object"),
    "model raises": Case(
        MODEL, valid(1, customerID=MODEL), "inference_error", "inference_error", says="Model inference failed"
    ),
    "output breaks": Case(
        OUTPUT, valid(2, customerID=OUTPUT), PROCESSING, PREDICTED, says="Output message failed schema validation"
    ),
    "unforeseen": Case(
        *(UNFORESEEN, valid(3, customerID=UNFORESEEN), "unknown_error", "unknown_error"),
        says="Unexpected processing error",
    ),
}
FAULTS = (f"model-raises={MODEL}", f"output-breaks-schema={OUTPUT}", f"unforeseen-exception={UNFORESEEN}")
SAYS = {
    VALIDATION: "Input message failed schema validation",
    PROCESSING: ("Feature transformation failed", "Message could not be read", "Output message failed"),
}


@pytest.mark.parametrize("validating", [True, False], ids=["validation on", "validation off"])
def test_each_message_of_the_table_gets_the_outcome_that_it_must_have(
    programs: Programs, topics: Topics, validating: bool
) -> None:
    good = [valid(n) for n in range(10)]
    cases = list(CASES.values())
    around = [(m["customerID"], m) for m in good]
    topics.send([*around[:5], *((c.key, c.value) for c in cases), *around[5:]])
    switches = [word for fault in FAULTS for word in ("--fault", fault)]
    consumer = programs.consumer(topics, *switches, "--validate" if validating else "--no-validate")
    topics.wait_until_consumed()
    late = valid(11)
    topics.send([(late["customerID"], late)])  # it still lives
    topics.wait_until_consumed()
    ended = consumer.stop()
    assert ended.code == 0, ended.errors

    expected = {c.key: c.judged if validating else c.unjudged for c in cases}
    predicted = sum(outcome == PREDICTED for outcome in expected.values()) + len(good) + 1
    counts = topics.assert_conserved(len(cases) + len(good) + 1)
    assert counts == Counter(predictions=predicted, dead_letters=len(cases) + 11 - predicted)
    letters = {(r.key or b"").decode(): r for r in topics.read(topics.dead_letters)}
    predictions = {(r.key or b"").decode() for r in topics.read(topics.predictions)}
    assert {m["customerID"] for m in [*good, late]} <= predictions
    for case in cases:
        if expected[case.key] == PREDICTED:
            assert case.key in predictions
        else:
            _assert_letter(case, expected[case.key], letters[case.key], topics, validating=validating)


def _assert_letter(case: Case, error_type: str, letter: Record, topics: Topics, *, validating: bool) -> None:
    body = letter.body
    assert dead_letter_validator().validate(body) == (True, [])
    assert body["error_type"] == error_type, case
    assert body["source_topic"] == topics.raw and body["consumer_group"] == topics.group
    assert "retry_count" not in body
    assert body["error_message"].startswith(case.says or SAYS[error_type])
    if case.reason:
        raw = None if case.raw is None else base64.b64encode(case.raw).decode()
        assert body["original_message"] == {"raw_base64": raw, "reason": case.reason}
    else:
        assert body["original_message"] == case.value
    if error_type == VALIDATION:
        fields = [text.split("'")[1] for text in body["validation_errors"]]
        assert Counter(fields) == Counter(case.fields), body["validation_errors"]
    elif not case.says:
        assert "validation_errors" not in body
    assert validating or error_type != VALIDATION
