"""schema: promised columns, and no loss of width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import Facts, Grade, Measured, StageSchema, UpstreamSchemas
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import (
    PROMISED,
    change_log,
    connector,
    judge,
    schema,
    source,
    stage,
    table,
    topic,
)

NARROW = ("int64!", "string", "decimal(10,2)!", "timestamp")


def changed(**columns: str | None) -> Schema:
    """The promised schema with other types; a column of type None is left out."""
    types: dict[str, Any] = dict(zip(PROMISED.names, NARROW, strict=True)) | columns
    return schema(**{name: type_ for name, type_ in types.items() if type_ is not None})


def drifts(found: Schema, **fields: Any) -> list[tuple[str | None, str]]:
    judgement = judge("schema", table(**fields), {StageSchema(): found})
    assert judgement.verdict is (Verdict.FAIL if judgement.findings else Verdict.PASS)
    assert all(f.kind == "schema_drift" and f.stage == "orders" for f in judgement.findings)
    return [(f.detail, f.to_json()["column"]) for f in judgement.findings]


def test_the_promised_columns_pass() -> None:
    judgement = judge("schema", table())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"columns": 4}


def test_an_added_and_a_dropped_column_are_found_by_name() -> None:
    assert drifts(changed(discount="int64")) == [("added", "discount")]
    assert drifts(changed(status=None)) == [("dropped", "status")]


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("order_id", "int32!"),
        ("order_id", "string!"),
        ("amount", "decimal(10,1)!"),
        ("amount", "decimal(8,2)!"),
        ("amount", "float64!"),
        ("updated_at", "timestamp(3)"),
        ("updated_at", "timestamptz"),
    ],
)
def test_a_type_that_loses_values_or_is_another_is_retyped(column: str, type_: str) -> None:
    assert drifts(changed(**{column: type_})) == [("retyped", column)]


@pytest.mark.parametrize(("column", "type_"), [("amount", "decimal(38,10)!"), ("updated_at", "timestamp(9)")])
def test_a_wider_type_is_no_drift(column: str, type_: str) -> None:
    assert drifts(changed(**{column: type_})) == []


def test_an_integer_may_be_wider_than_promised() -> None:
    narrow = {"columns": {"n": "int32"}}
    values = {StageSchema(): schema(n="int64"), UpstreamSchemas(): {"above": schema(n="int32")}}
    assert judge("schema", stage("delta_table", narrow), values).verdict is Verdict.PASS


def test_a_type_that_keeps_the_promise_and_loses_values_of_its_upstream_is_retyped() -> None:
    values = {UpstreamSchemas(): {"topic_orders": changed(amount="decimal(12,4)")}}
    judgement = judge("schema", table(), values)
    assert [(f.detail, f.expected, f.seen) for f in judgement.findings] == [
        ("retyped", "decimal(12,4)", "decimal(10,2)")
    ]
    assert "topic_orders" in judgement.message


def test_another_family_than_the_upstreams_is_no_drift_where_it_is_promised() -> None:
    values = {UpstreamSchemas(): {"topic_orders": changed(updated_at="string")}}
    assert judge("schema", table(), values).verdict is Verdict.PASS


def test_a_column_that_takes_null_against_the_promise_is_found_where_the_stage_enforces_it() -> None:
    loose = changed(amount="decimal(10,2)")
    assert drifts(loose) == [("nullability", "amount")]
    assert drifts(Schema(loose.fields, enforces_nullability=False)) == []


def test_a_column_may_be_stricter_than_promised() -> None:
    assert drifts(changed(status="string!")) == []


def test_technical_columns_are_fine_only_where_they_are_ignored() -> None:
    found = changed(_ingested_at="timestamptz")
    assert drifts(found, ignore=["_ingested_at"]) == []
    assert drifts(found) == [("added", "_ingested_at")]


def test_columns_that_tell_of_the_record_are_no_drift_of_a_topic() -> None:
    assert drifts(changed(__offset="int64", __op="string")) == []


def test_derived_columns_count_as_promised() -> None:
    found = changed(label="string")
    assert drifts(found, columns={"label": "status || '!'"}) == []
    assert drifts(changed(), columns={"label": "status || '!'"}) == [("dropped", "label")]


def test_a_renamed_column_is_compared_with_the_one_it_comes_from() -> None:
    values = {
        StageSchema(): changed(status=None, state="int64"),
        UpstreamSchemas(): {"topic_orders": changed()},
    }
    contract = {"columns": {"order_id": "int64", "amount": "decimal(10,2)", "updated_at": "timestamp"}}
    judgement = judge("schema", table(contract=contract, columns={"state": "status"}), values)
    assert [(f.detail, f.extra["column"], f.expected) for f in judgement.findings] == [("retyped", "state", "string")]


def test_without_a_contract_the_upstream_is_the_promise() -> None:
    bare = table(contract={"key": ["order_id"]})
    assert judge("schema", bare).verdict is Verdict.PASS
    judgement = judge("schema", bare, {StageSchema(): changed(status=None, discount="int64")})
    assert [(f.detail, f.extra["column"]) for f in judgement.findings] == [("dropped", "status"), ("added", "discount")]


def test_where_nothing_is_promised_nothing_passes() -> None:
    judgement = judge("schema", source(contract={}), {UpstreamSchemas(): {}})
    assert judgement.verdict is Verdict.WARN
    assert "contract.columns" in judgement.message


def test_a_change_log_is_held_to_its_own_columns() -> None:
    found = schema(_topic="int64!", _partition="int64!", _offset="int64!", extra="string")
    judgement = judge("schema", change_log(), {StageSchema(): found})
    assert [(f.detail, f.extra["column"]) for f in judgement.findings] == [("added", "extra")]


def test_values_of_a_topic_that_are_not_of_the_promised_type_are_found() -> None:
    judgement = judge("schema", topic(), {Facts("unconvertible"): {"amount": 3, "status": 0}})
    assert [(f.detail, f.extra["column"], f.expected, f.seen) for f in judgement.findings] == [
        ("retyped", "amount", "decimal(10,2)", "3 other values")
    ]


def test_a_topic_whose_records_tell_no_columns_has_not_dropped_any() -> None:
    unknown = {StageSchema(): Measured(schema(), Grade.UNKNOWN)}
    assert judge("schema", topic(), unknown).verdict is Verdict.UNSETTLED
    assert judge("schema", topic(may_be_empty=True), unknown).verdict is Verdict.WARN
    assert judge("schema", topic(), {StageSchema(): Measured(PROMISED, Grade.BOUND)}).verdict is Verdict.WARN


def test_a_stage_without_any_column_fails() -> None:
    judgement = judge("schema", table(), {StageSchema(): schema()})
    assert {f.detail for f in judgement.findings} == {"dropped"}
    assert judgement.verdict is Verdict.FAIL


def test_a_service_has_no_schema_and_a_promise_under_its_name_is_refused() -> None:
    assert not check("schema").applies_to(connector())
    with pytest.raises(ValidationError):
        check("schema").configure(source(contract={"schema": {"strict": True}}))


def with_ids(found: Schema, first: int = 1) -> Schema:
    """The schema with the ids 1, 2, ... of its columns."""
    return Schema(tuple(replace(f, id=str(i)) for i, f in enumerate(found.fields, first)), found.enforces_nullability)


def renamed(found: Schema, **names: str) -> Schema:
    return Schema(tuple(replace(f, name=names.get(f.name, f.name)) for f in found.fields), found.enforces_nullability)


def judged_since(found: Schema, before: Schema | None, **fields: Any) -> Any:
    values = {StageSchema(): found, Previous(): PreviousState(1, None, before)}
    return judge("schema", table(**fields), values)


def test_a_renamed_column_is_told_by_its_id_from_one_dropped_and_another_added() -> None:
    before = with_ids(PROMISED)
    judgement = judged_since(renamed(before, status="state"), before)
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.detail, finding.expected, finding.seen) == ("renamed", "status", "state")
    assert finding.extra["column"] == "status"


def test_a_renamed_column_of_another_type_is_retyped_too() -> None:
    before = with_ids(PROMISED)
    after = renamed(with_ids(changed(amount="decimal(10,1)!")), amount="total")
    assert [f.detail for f in judged_since(after, before).findings] == ["renamed", "retyped"]


@pytest.mark.parametrize("before", [None, PROMISED, with_ids(PROMISED, first=20)])
def test_without_the_same_id_before_a_column_was_dropped_and_another_added(before: Schema | None) -> None:
    judgement = judged_since(renamed(with_ids(PROMISED), status="state"), before)
    assert [(f.detail, f.extra["column"]) for f in judgement.findings] == [("dropped", "status"), ("added", "state")]


def test_a_rename_that_the_contract_follows_is_no_drift() -> None:
    before = renamed(with_ids(PROMISED), status="state")
    assert judged_since(with_ids(PROMISED), before).verdict is Verdict.PASS


def test_where_nothing_is_promised_the_last_run_is_what_the_columns_are_held_to() -> None:
    bare = {"contract": {"key": ["order_id"]}, "from": ()}
    values: dict[Any, Any] = {UpstreamSchemas(): {}, Previous(): PreviousState(1, None, PROMISED)}
    assert judge("schema", table(**bare), values).verdict is Verdict.WARN
    values[StageSchema()] = changed(amount="int64!", extra="string", status=None)
    judgement = judge("schema", table(**bare), values)
    assert [(f.detail, f.extra["column"]) for f in judgement.findings] == [
        ("dropped", "status"),
        ("retyped", "amount"),
        ("added", "extra"),
    ]


@pytest.mark.parametrize(
    ("columns", "lost"),
    [
        ({"amount": "decimal(10,1)!"}, "scale"),
        ({"amount": "decimal(9,2)!"}, "precision"),
        ({"order_id": "int32!"}, "range"),
        ({"updated_at": "timestamp(3)"}, "precision"),
    ],
)
def test_what_a_narrower_type_loses_is_told(columns: dict[str, str], lost: str) -> None:
    (finding,) = judge("schema", table(), {StageSchema(): changed(**columns)}).findings
    assert (finding.detail, finding.extra["lost"]) == ("retyped", lost)


def test_another_type_has_nothing_in_common_to_lose() -> None:
    (finding,) = judge("schema", table(), {StageSchema(): changed(order_id="string!")}).findings
    assert "lost" not in finding.extra
