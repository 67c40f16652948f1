"""nulls and values: what the contract promises of single columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import (
    Above,
    Below,
    Facts,
    Grade,
    IsNull,
    Measure,
    Measured,
    NotIn,
    NotMatching,
    Predicate,
    Violations,
    ViolationSample,
)
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, change_log, connector, judge, source, stage, table, topic

KEY = ("order_id",)


def violations(predicate: Predicate) -> Violations:
    return Violations(predicate, KEY)


def one(value: Any) -> ViolationSample:
    return ViolationSample(1, (({"order_id": 4}, value),))


def of_column(promises: dict[str, Any]) -> dict[str, Any]:
    return {"key": ["order_id"], "columns": {"order_id": "int64", "c": promises}}


def test_columns_without_null_pass() -> None:
    judgement = judge("nulls", table())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10, "columns": 2}
    assert [r["column"] for r in judgement.measures["rules"]] == ["order_id", "amount"]


def test_a_null_is_named_with_key_and_column() -> None:
    judgement = judge("nulls", table(), {violations(IsNull("amount")): one(None)})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.key, finding.detail) == ("null", {"order_id": 4}, "amount")
    assert finding.position == VersionPosition(57)
    assert finding.message == "order_id 4: amount is NULL"


def test_values_that_an_event_does_not_carry_are_no_null() -> None:
    for facts in (Facts("unavailable"), Facts("unconvertible")):
        three = {violations(IsNull("amount")): ViolationSample(3, (({"order_id": 4}, None),)), facts: {"amount": 3}}
        judgement = judge("nulls", topic(), three)
        assert (judgement.verdict, judgement.total) == (Verdict.WARN, 0)
        assert "3 values of amount could not be told" in judgement.message
    four = {violations(IsNull("amount")): ViolationSample(4), Facts("unavailable"): {"amount": 3}}
    judgement = judge("nulls", topic(), four)
    assert (judgement.verdict, judgement.total) == (Verdict.FAIL, 1)
    assert judgement.findings[0].key is None
    assert judge("nulls", topic(), {Facts("unavailable"): {"status": 3}}).verdict is Verdict.PASS


def test_all_violations_are_counted_where_only_a_sample_is_listed() -> None:
    many = ViolationSample(70, (({"order_id": 4}, None),))
    judgement = judge("nulls", table(), {violations(IsNull("amount")): many})
    assert (len(judgement.findings), judgement.total) == (1, 70)


def test_a_violation_without_a_sample_is_still_a_finding() -> None:
    keyless = stage("delta_table", {"columns": {"amount": {"type": "int64", "nullable": False}}})
    judgement = judge("nulls", keyless, {Violations(IsNull("amount")): ViolationSample(3)})
    assert [(f.kind, f.key, f.detail) for f in judgement.findings] == [("null", None, "amount")]
    assert judgement.total == 3


def test_of_no_row_no_column_was_looked_at() -> None:
    for kind in ("nulls", "values"):
        judgement = judge(kind, table(), rows=0)
        assert judgement.verdict is Verdict.UNSETTLED
        assert not any(judgement.looked_at.values())
        assert judge(kind, table(may_be_empty=True), rows=0).verdict is Verdict.PASS


def test_a_number_of_violations_that_is_not_exact_does_not_pass() -> None:
    bound = Measured(ViolationSample(0), Grade.BOUND)
    assert judge("nulls", table(), {violations(IsNull("amount")): bound}).verdict is Verdict.WARN


def test_nulls_are_judged_where_columns_are_promised_to_have_none() -> None:
    assert check("nulls").applies_to(change_log())
    assert not check("nulls").applies_to(connector())
    assert not check("nulls").applies_to(source(contract={"columns": {"a": "int64"}}))


def test_values_as_promised_pass() -> None:
    judgement = judge("values", table())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10, "columns": 2}
    assert judgement.measures["rules"] == [
        {"column": "order_id", "rule": "min", "limit": 1, "violations": 0},
        {"column": "status", "rule": "accepted", "limit": ["new", "paid"], "violations": 0},
    ]


BREACHES: list[tuple[dict[str, Any], Predicate, Any, str, str]] = [
    ({"type": "int64", "min": 1}, Below("c", 1), 0, "out_of_range", "order_id 4: c 0 is below 1"),
    (
        {"type": "decimal(10,2)", "max": "9.50"},
        Above("c", Decimal("9.50")),
        "10.00",
        "out_of_range",
        "order_id 4: c '10.00' is above 9.50",
    ),
    (
        {"type": "string", "accepted": ["a", "b"]},
        NotIn("c", ("a", "b")),
        "x",
        "unaccepted_value",
        "order_id 4: c 'x' is none of a, b",
    ),
    (
        {"type": "string", "matches": ".+@.+"},
        NotMatching("c", ".+@.+"),
        "x",
        "unaccepted_value",
        "order_id 4: c 'x' does not match .+@.+",
    ),
]


@pytest.mark.parametrize(("promises", "predicate", "value", "kind", "message"), BREACHES)
def test_a_value_against_the_promise_is_named_with_key_and_column(
    promises: dict[str, Any], predicate: Predicate, value: Any, kind: str, message: str
) -> None:
    declaration = table(contract=of_column(promises))
    assert judge("values", declaration).verdict is Verdict.PASS
    judgement = judge("values", declaration, {violations(predicate): one(value)})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.key, finding.detail, finding.seen) == (kind, {"order_id": 4}, "c", value)
    assert finding.message == message


def predicates(promises: dict[str, Any]) -> set[Measure]:
    declaration = source(contract=of_column(promises))
    found = check("values")
    return {m for m in found.measures(declaration, found.configure(declaration)) if isinstance(m, Violations)}


def test_limits_are_values_of_the_type_of_their_column() -> None:
    noon = datetime(2026, 1, 1, 12)
    assert predicates({"type": "timestamp", "min": "2026-01-01T12:00:00"}) == {violations(Below("c", noon))}
    assert predicates({"type": "timestamp", "min": "2026-01-01T13:00:00+01:00"}) == {violations(Below("c", noon))}
    zoned = noon.replace(tzinfo=UTC)
    assert predicates({"type": "timestamptz", "max": noon}) == {violations(Above("c", zoned))}
    assert predicates({"type": "date", "min": date(2026, 1, 1)}) == {violations(Below("c", datetime(2026, 1, 1)))}
    assert predicates({"type": "decimal(10,2)", "min": 0.1}) == {violations(Below("c", Decimal("0.1")))}
    assert predicates({"type": "bool", "accepted": [True]}) == {violations(NotIn("c", (True,)))}


MALFORMED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "int64", "minimum": 1}, "minimum", "Known: min, max, accepted, matches"),
    ({"type": "string", "min": 1}, "min", "for numbers and times"),
    ({"type": "int64", "min": "many"}, "min", "no value of type int64"),
    ({"type": "int64", "min": True}, "min", "no value of type int64"),
    ({"type": "int64", "min": 3, "max": 2}, "min", "greater than max"),
    ({"type": "decimal(10,2)", "max": "NaN"}, "max", "no value of type"),
    ({"type": "timestamp", "min": "yesterday"}, "min", "no value of type timestamp"),
    ({"type": "string", "accepted": "a"}, "accepted", "not a list"),
    ({"type": "string", "accepted": []}, "accepted", "not a list"),
    ({"type": "string", "accepted": [True]}, "accepted", "Put text into quotes"),
    ({"type": "string", "matches": "(a"}, "matches", "no pattern"),
    ({"type": "string", "matches": 7}, "matches", "not text"),
    ({"type": "string", "matches": "(?=a)b"}, "matches", "RE2"),
    ({"type": "string", "matches": r"(a)\1"}, "matches", "RE2"),
    ({"type": "int64", "matches": "a"}, "matches", "for text"),
]


@pytest.mark.parametrize(("promises", "word", "message"), MALFORMED)
def test_a_malformed_promise_is_refused_naming_column_and_word(
    promises: dict[str, Any], word: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check("values").configure(source(contract=of_column(promises)))
    assert "'c'" in str(refused.value) or "column c" in str(refused.value)
    assert message in str(refused.value)
    assert refused.value.data["path"] == ("columns", "c", word)


@pytest.mark.parametrize("pattern", [r"[*+?]+@x", r"\\1", r"[\]+]+", "a+", "[]+]+b"])
def test_patterns_that_only_look_like_what_re2_has_not_are_taken(pattern: str) -> None:
    assert predicates({"type": "string", "matches": pattern}) == {violations(NotMatching("c", pattern))}


def test_nothing_may_stand_under_the_name_of_the_check_itself() -> None:
    with pytest.raises(ValidationError):
        check("values").configure(source(contract={**ORDERS, "values": {"status": {"accepted": ["a"]}}}))


def test_values_are_judged_where_something_is_promised_of_them() -> None:
    assert not check("values").applies_to(change_log())
    assert not check("values").applies_to(connector())
