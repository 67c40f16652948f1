"""Damages of what the consumer has written: predictions and dead letters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline_checks.faults.expectation import RANGE, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.faults.topic_records import RawRecord
from pipeline_checks.faults.topic_rewrites import EditedTopic, altered, doubled, invented, lost, rekeyed, swapped
from pipeline_checks.faults.topic_settings import OtherSetting
from pipeline_checks.pipelines.churn.scenarios.flowing import (
    DEAD_LETTERS,
    GROUP,
    PREDICTIONS,
    refused_customer,
    same_customer_twice,
)

Findings = Callable[[Injury], Iterable[ExpectedFinding]]
_RANGE = 25
_PROBABILITY, _LABEL, _VERSION = "churn_probability", "prediction", "model_version"

OTHER_RETENTION = OtherSetting("other_retention", "The retention of a topic is changed", "retention.ms", "86400000")


def predictions() -> Iterator[Scenario]:
    """Yield the scenarios of predictions."""
    both = (PREDICTIONS, GROUP)
    yield _scenario(
        EditedTopic("lost_output", "A record is lost that an input was made to", lost(1)), PREDICTIONS, _missing, both
    )
    yield _scenario(
        EditedTopic("lost_outputs", "A stretch of records is lost", lost(_RANGE)), PREDICTIONS, _missing_range, both
    )
    yield _scenario(
        EditedTopic("doubled_output", "A record is written a second time", doubled),
        PREDICTIONS,
        lambda i: [finding(GROUP, "conservation", "duplicate", blamed=PREDICTIONS, detail="replayed", key=i.keys[0])],
        both,
    )
    yield _scenario(
        EditedTopic("invented_output", "A record is written of an input that never was", invented),
        PREDICTIONS,
        lambda i: [finding(GROUP, "conservation", "unexpected", blamed=PREDICTIONS, detail="no_input", key=i.keys[0])],
        both,
    )
    yield _changed("wrong_probability", "A probability is off by 0.000001", _PROBABILITY, altered(_off))
    yield _changed("wrong_label", "The label next to the threshold is the other one", _LABEL, altered(_flip, _nearest))
    yield _changed(
        "wrong_model_version", "A prediction names another model", _VERSION, altered(lambda m: {_VERSION: "churn-0"})
    )
    yield _scenario(
        EditedTopic("shifted_event_time", "The event time is not that of the input", altered(_later)),
        PREDICTIONS,
        lambda i: [finding(PREDICTIONS, "reconcile", "changed", key=_linked(i.keys[0]))],
    )
    yield _scenario(
        EditedTopic("other_key", "A record has the key of another one", rekeyed),
        PREDICTIONS,
        lambda i: [finding(PREDICTIONS, "ordering", "changed", detail="key", key=i.keys[0])],
    )
    yield _scenario(
        EditedTopic("swapped_order", "Two records of one key are swapped", swapped, same_customer_twice),
        PREDICTIONS,
        lambda i: [finding(PREDICTIONS, "ordering", "out_of_order", detail="key", key=i.keys[0])],
    )
    yield _scenario(
        EditedTopic(
            "field_not_in_schema", "A message has a field that its schema has not", altered(lambda m: {"x": 1})
        ),
        PREDICTIONS,
        lambda i: [finding(PREDICTIONS, "json_schema", "schema_drift", detail="added", key={"field": "x"})],
    )
    yield _scenario(OTHER_RETENTION, PREDICTIONS, _retention)


def dead_letters() -> Iterator[Scenario]:
    """Yield the scenarios of dead letters."""
    yield _letter(
        "altered_original",
        "The original message is not the one that was sent",
        lambda m: {"original_message": {**m["original_message"], "tenure": 99}},
        "changed",
        "original_message",
    )
    yield _letter(
        "unknown_error_type",
        "The word for the error is none of the list",
        lambda m: {"error_type": "other_error"},
        "unaccepted_value",
        "error_type",
        also=[
            finding(
                DEAD_LETTERS, "json_schema", "unaccepted_value", detail="unaccepted_value", key=_field("error_type")
            )
        ],
    )
    yield _scenario(OTHER_RETENTION, DEAD_LETTERS, _retention)


def _letter(
    name: str,
    description: str,
    change: Callable[[dict[str, Any]], Mapping[str, Any]],
    kind: Any,
    detail: str,
    also: Iterable[ExpectedFinding] = (),
) -> Scenario:
    return _scenario(
        EditedTopic(name, description, altered(change), refused_customer),
        DEAD_LETTERS,
        lambda i: [finding(DEAD_LETTERS, "dead_letters", kind, detail=detail, key=i.keys[0]), *also],
    )


def _changed(name: str, description: str, column: str, edit: Any) -> Scenario:
    return _scenario(
        EditedTopic(name, description, edit),
        PREDICTIONS,
        lambda i: [finding(PREDICTIONS, "predictions", "changed", detail=column, key=i.keys[0])],
    )


def _scenario(fault: Fault, target: str, findings: Findings, area: tuple[str, ...] | None = None) -> Scenario:
    return Scenario(
        name=f"{fault.name}__{target}",
        description=f"{fault.description}: {target}",
        fault=fault,
        target=target,
        area=area or (target,),
        expects=lambda injury: Expectation(tuple(findings(injury))),
    )


def _missing(injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(GROUP, "conservation", "missing", detail="no_output", key=injury.keys[0])


def _missing_range(injury: Injury) -> Iterator[ExpectedFinding]:
    stretch = {k: injury.facts[k] for k in ("topic", "partition", "first", "last")}
    yield finding(GROUP, "conservation", "missing", detail=RANGE, key={**stretch, "keys": len(injury.keys)})


def _retention(injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(injury.target, "topic_settings", "unexpected", detail=f"config:{injury.facts['setting']}")


def _linked(place: Mapping[str, Any]) -> dict[str, Any]:
    return {"source_partition": place["partition"], "source_offset": place["offset"]}


def _field(name: str) -> dict[str, Any]:
    return {"field": name}


def _off(message: dict[str, Any]) -> dict[str, Any]:
    return {_PROBABILITY: round(message[_PROBABILITY] + 1e-6, 6)}


def _flip(message: dict[str, Any]) -> dict[str, Any]:
    return {_LABEL: "No" if message[_LABEL] == "Yes" else "Yes"}


def _later(message: dict[str, Any]) -> dict[str, Any]:
    """The same time of another day."""
    return {"event_ts": f"2001-01-01{message['event_ts'][10:]}"}


def _nearest(records: list[RawRecord]) -> RawRecord:
    return min(records, key=lambda r: abs(json.loads(r.value or b"{}")[_PROBABILITY] - 0.5))
