"""json_schema, topic_settings, and the order of records that were made of others."""

from __future__ import annotations

from typing import Any

from pipeline_checks.checks.registry import check, checks_of
from pipeline_checks.model.conservation import LinkOrder, LinkOrderDifference
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import files, given_at, judge, made, made_at, plain

SCHEMA, TOPIC = Facts("json_schema"), Facts("topic")
VALID = plain({"json_schema": "s.json"})


def deviation(word: str, field: str, count: int = 1) -> dict[str, Any]:
    return {"word": word, "field": field, "count": count, "first": {"0": 4, "2": 1}, "example": "it is not"}


def test_a_topic_with_a_schema_of_its_messages_has_no_schema_of_columns() -> None:
    kinds = [c.kind for c in checks_of(VALID)]
    assert ("json_schema" in kinds, "schema" in kinds) == (True, False)
    assert not check("json_schema").applies_to(files({"json_schema": "s.json"}))


def test_valid_messages_pass_and_none_at_all_do_not() -> None:
    assert (
        judge("json_schema", VALID, {SCHEMA: {"messages": 9, "invalid": 0, "deviations": []}}).verdict is Verdict.PASS
    )
    none = {"messages": 0, "invalid": 0, "deviations": []}
    assert judge("json_schema", VALID, {SCHEMA: none}).verdict is Verdict.UNSETTLED
    assert judge("json_schema", VALID, {SCHEMA: None}).verdict is Verdict.UNSETTLED


def test_each_way_to_deviate_is_told_once_with_its_first_places() -> None:
    words = ["added", "retyped", "unaccepted_value", "out_of_range", "pattern", "rule", "unreadable", "dropped"]
    facts = {"messages": 9, "invalid": 5, "deviations": [deviation(word, "x", 3) for word in words]}
    judgement = judge("json_schema", VALID, {SCHEMA: facts})
    assert [(f.kind, f.detail) for f in judgement.findings] == [
        ("schema_drift", "added"),
        ("schema_drift", "retyped"),
        ("unaccepted_value", "unaccepted_value"),
        ("out_of_range", "out_of_range"),
        ("unaccepted_value", "pattern"),
        ("unaccepted_value", "rule"),
        ("unexpected", "unreadable"),
        ("schema_drift", "dropped"),
    ]
    first = judgement.findings[0]
    assert first.position == OffsetsPosition.of({"given": {0: 4, 2: 1}})
    assert (first.key, first.extra) == ({"field": "x"}, {"messages": 3})


DECLARED = plain({"topic_settings": {"partitions": 3, "replication_factor": 1, "config": {"retention.ms": 60000}}})
AS_DECLARED = {"partitions": 3, "replication_factor": 1, "retention.ms": "60000", "cleanup.policy": "delete"}


def test_settings_as_declared_pass_and_each_other_one_is_named() -> None:
    assert judge("topic_settings", DECLARED, {TOPIC: AS_DECLARED}).message == "3 settings as declared"
    other = {**AS_DECLARED, "partitions": 1, "retention.ms": None}
    found = judge("topic_settings", DECLARED, {TOPIC: other}).findings
    assert [(f.detail, f.expected, f.seen) for f in found] == [
        ("config:partitions", 3, 1),
        ("config:retention.ms", 60000, None),
    ]


def test_a_promise_that_names_no_setting_proves_nothing() -> None:
    empty = plain({"topic_settings": {"config": {}}})
    assert judge("topic_settings", empty, {TOPIC: AS_DECLARED}).verdict is Verdict.UNSETTLED


def test_records_with_the_keys_and_in_the_order_of_their_inputs_pass() -> None:
    assert judge("ordering", made(), {LinkOrder(): LinkOrderDifference(10, keyless=2)}).verdict is Verdict.PASS
    assert judge("ordering", made(), {LinkOrder(): LinkOrderDifference(0)}).verdict is Verdict.UNSETTLED


def test_another_key_and_a_wrong_order_are_told() -> None:
    found = LinkOrderDifference(
        10, keys_total=1, keys=((made_at(1), given_at(3)),), disorder_total=1, disorder=((made_at(5), made_at(2)),)
    )
    key, order = judge("ordering", made(), {LinkOrder(): found}).findings
    assert (key.kind, key.detail, key.expected, key.seen) == ("changed", "key", "k3", "k1")
    assert (order.kind, order.detail, order.position) == ("out_of_order", "key", made_at(5).position)
