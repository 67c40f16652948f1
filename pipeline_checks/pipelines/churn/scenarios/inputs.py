"""Messages that no customer of the file stands behind: bad ones, and ones in another form than agreed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.faults.topic_records import RawRecord, TopicRecords
from pipeline_checks.faults.topic_rewrites import header
from pipeline_checks.pipelines.churn.flow.names import INTERNET_SERVICES, SOURCE_ROW
from pipeline_checks.pipelines.churn.scenarios.flowing import (
    DEAD_LETTERS,
    GROUP,
    PREDICTIONS,
    RAW,
    publish_again,
    wait_until_handled,
)
from pipeline_checks.pipelines.churn.seed import dataset, source
from pipeline_checks.pipelines.churn.seed.customers import customers

_FAR = 10_000_000
"""From here on rows are numbered that no file has."""
_AREA = (RAW, GROUP, PREDICTIONS, DEAD_LETTERS)
Make = Callable[[Mapping[str, Any]], bytes | None]


@dataclass(frozen=True)
class Message:
    """One message: how it is made of a good one, and how it deviates from the schema (kind, detail, field)."""

    make: Make
    deviations: Sequence[tuple[str, str, str]] = ()
    is_row: bool = True


@dataclass(frozen=True)
class WrittenMessages:
    """Messages are written to the input topic by a stranger, and handled."""

    name: str
    description: str
    messages: Sequence[Message]

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the input topic of the pipeline."""
        return target.is_stage and target.name == RAW

    def plan(self, target: Target) -> Injury:
        """Return the rows that will be told."""
        keys = tuple({SOURCE_ROW: _FAR + n} for n, m in enumerate(self.messages) if m.is_row)
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({target.name})", keys)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write them, and wait until the consumers have."""
        records = TopicRecords(target.stage)
        known = records.all()[0]
        good = json.loads(known.value or b"{}")
        made = []
        for number, message in enumerate(self.messages):
            headers = [(SOURCE_ROW, str(_FAR + number).encode())]
            made.append(RawRecord(known.partition, 0, known.key, message.make(good), list(headers)))
        records.write_all(made)
        wait_until_handled(target)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Begin anew."""
        publish_again(target)


@dataclass(frozen=True)
class SentTwice:
    """A customer is published a second time."""

    name: str = "row_sent_twice"
    description: str = "A row of the file is published a second time"

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the input topic of the pipeline."""
        return target.is_stage and target.name == RAW

    def plan(self, target: Target) -> Injury:
        """Return the row."""
        known = _middle(target)
        key = {SOURCE_ROW: int(header(known, SOURCE_ROW) or -1)}
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({key})", (key,))

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write its record again."""
        TopicRecords(target.stage).write_all([replace(_middle(target))])
        wait_until_handled(target)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Begin anew."""
        publish_again(target)


@dataclass(frozen=True)
class OtherCustomers:
    """Customers come who are not like those that the model was trained on; each of them is a good one."""

    name: str = "other_customers"
    description: str = "Customers come who are not like those that the model was trained on"

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the topic of predictions."""
        return target.is_stage and target.name == PREDICTIONS

    def plan(self, target: Target) -> Injury:
        """Return how large the file is."""
        undo = {"bytes": source.dataset_path().stat().st_size}
        return Injury(self.name, target.pipeline.name, target.name, self.description, undo=undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Add and publish them: as many as there are, all new, with fibre and without a contract."""
        path = source.dataset_path()
        known = dataset.count(path)
        dataset.append(path, ({**made, **_LEAVING} for made in customers(known, 13, first=known)))
        source.publish(path, "--no-validate")
        wait_until_handled(target)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Cut the file off again, and begin anew."""
        os.truncate(source.dataset_path(), injury.undo["bytes"])
        publish_again(target)


_LEAVING: Mapping[str, Any] = {
    **dict.fromkeys(INTERNET_SERVICES, "No"),
    "InternetService": "Fiber optic",
    "Contract": "Month-to-month",
    "PaymentMethod": "Electronic check",
    "tenure": 1,
    "MonthlyCharges": 80.0,
    "TotalCharges": "80.0",
}


def inputs() -> Iterator[Scenario]:
    """Yield the scenarios of the input topic."""
    yield Scenario(
        name="other_customers__topic_predictions",
        description=f"{OtherCustomers().description}: {PREDICTIONS}",
        fault=OtherCustomers(),
        target=PREDICTIONS,
        area=("customer_source", *_AREA),
        expects=lambda injury: Expectation(
            (finding(PREDICTIONS, "distribution", "out_of_range", detail="churn_probability"),)
        ),
    )
    yield _scenario(WrittenMessages("bad_messages", "Messages of every bad kind are sent", BAD))
    yield _scenario(WrittenMessages("new_field", "Messages have a field more", [_with(loyalty=1)] * 3))
    yield _scenario(WrittenMessages("changed_type", "Charges are sent as text", [_typed()] * 3))
    yield _scenario(WrittenMessages("new_category", "A contract is sent that nobody knows", [_category()] * 3))
    yield Scenario(
        name="row_sent_twice__topic_raw",
        description="A row of the file is published a second time: topic_raw",
        fault=SentTwice(),
        target=RAW,
        area=_AREA,
        expects=lambda injury: Expectation(
            tuple(
                finding(RAW, check, "duplicate", detail="replayed", key=injury.keys[0])
                for check in ("counts", "duplicates")
            )
        ),
    )


def _with(**fields: Any) -> Message:
    added = [("schema_drift", "added", name) for name in fields]
    return Message(lambda good: json.dumps({**good, **fields}).encode(), added)


def _typed() -> Message:
    return Message(
        lambda good: json.dumps({**good, "MonthlyCharges": "20.5"}).encode(),
        [("schema_drift", "retyped", "MonthlyCharges")],
    )


def _category() -> Message:
    return Message(
        lambda good: json.dumps({**good, "Contract": "Weekly"}).encode(),
        [("unaccepted_value", "unaccepted_value", "Contract")],
    )


def _only(**fields: Any) -> Make:
    return lambda good: json.dumps(fields).encode()


def _dropped(*present: str) -> list[tuple[str, str, str]]:
    return [("schema_drift", "dropped", name) for name in _REQUIRED if name not in present]


_REQUIRED = (
    *("customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines"),
    *("InternetService", "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV"),
    *("StreamingMovies", "Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "event_ts"),
)

BAD: tuple[Message, ...] = (
    Message(
        _only(customerID="INVALID_001", gender="Unknown"),
        [
            ("unaccepted_value", "pattern", "customerID"),
            ("unaccepted_value", "unaccepted_value", "gender"),
            *_dropped("customerID", "gender"),
        ],
    ),
    Message(
        _only(customerID="INVALID_002", tenure=-5, MonthlyCharges="not a number"),
        [
            ("unaccepted_value", "pattern", "customerID"),
            ("out_of_range", "out_of_range", "tenure"),
            ("schema_drift", "retyped", "MonthlyCharges"),
            *_dropped("customerID", "tenure", "MonthlyCharges"),
        ],
    ),
    _category(),
    _with(loyalty=1),
    Message(
        lambda good: json.dumps({**good, "TotalCharges": "abc"}).encode(),
        [("unaccepted_value", "pattern", "TotalCharges")],
    ),
    # by its schema right: only the rules between its fields tell that it is not
    Message(lambda good: json.dumps({**good, "PhoneService": "No", "MultipleLines": "Yes"}).encode()),
    Message(lambda good: json.dumps({**good, "tenure": 0, "TotalCharges": " "}).encode()),
    Message(lambda good: b'{"customerID": ', [("unexpected", "unreadable", "root")], is_row=False),
    Message(lambda good: b"\xff\xfe{}", [("unexpected", "unreadable", "root")], is_row=False),
    Message(lambda good: None, [("unexpected", "unreadable", "root")], is_row=False),
    Message(lambda good: b"[1, 2]", [("schema_drift", "retyped", "root")], is_row=False),
)
"""What an input can be that is no good customer, one of each."""


def _scenario(fault: WrittenMessages) -> Scenario:
    def expects(injury: Injury) -> Expectation:
        told = dict.fromkeys(found for message in fault.messages for found in message.deviations)
        return Expectation(
            (
                *(finding(RAW, "counts", "unexpected", key=key) for key in injury.keys),
                *(_deviation(*found) for found in told),
            )
        )

    return Scenario(
        name=f"{fault.name}__{RAW}",
        description=f"{fault.description}: {RAW}",
        fault=fault,
        target=RAW,
        area=_AREA,
        expects=expects,
    )


def _deviation(kind: Any, detail: str, field: str) -> ExpectedFinding:
    return finding(RAW, "json_schema", kind, detail=detail, key={"field": field})


def _middle(target: Target) -> RawRecord:
    records = TopicRecords(target.stage).all()
    return records[len(records) // 2]
