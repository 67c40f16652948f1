"""references: what rows refer to is there; what is not is told with key and value."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.row_promises import ReferenceDifference, References
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, api, change_log, judge, source, table, topic

WRITTEN = {"status": "states", "order_id": "parts.order_id", "amount": {"source": "pg_prices", "column": "amount"}}
STATES, PARTS = References("status", "states"), References("order_id", "parts", "order_id")
PRICES = References("amount", "pg_prices", "amount", by_source=True)


def contract(written: Any = None) -> dict[str, Any]:
    return {**ORDERS, "references": WRITTEN if written is None else written}


def test_it_applies_to_current_rows_that_promise_references() -> None:
    found = check("references")
    for make in (source, table, api):
        assert found.applies_to(make(contract=contract()))
        assert not found.applies_to(make())
    assert not found.applies_to(topic(contract=contract()))
    assert not found.applies_to(change_log(contract=contract()))


def test_each_way_to_write_a_reference_is_understood() -> None:
    stage = table(contract=contract())
    found = check("references")
    assert found.measures(stage, found.configure(stage)) == {STATES, PARTS, PRICES}


def test_references_that_hold_pass() -> None:
    judgement = judge("references", table(contract=contract({"status": "states"})))
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10, "references": 10}
    assert judgement.message == "10 references hold: status to other.id"


def test_a_dangling_reference_is_told_with_key_and_value() -> None:
    difference = ReferenceDifference(10, 1, (({"order_id": 4}, "lost"),), against="states.name")
    judgement = judge("references", table(contract=contract()), {STATES: difference})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.stage) == ("dangling_reference", "status", "orders")
    assert (finding.key, finding.seen, finding.expected) == ({"order_id": 4}, "lost", {"in": "states.name"})
    assert judgement.message.startswith("1 row whose status is not in states.name")


def test_a_reference_that_went_wrong_further_up_is_told_at_its_first_stage() -> None:
    difference = ReferenceDifference(10, 1, (({"order_id": 4}, "lost"),), ("pg_orders",), against="states.name")
    (finding,) = judge("references", table(contract=contract()), {STATES: difference}).findings
    assert (finding.stage, finding.extra) == ("pg_orders", {"seen_at": "orders"})
    assert "where it went wrong first" in finding.message


def test_all_are_counted_where_a_sample_is_told_and_those_left_out_are_named() -> None:
    difference = ReferenceDifference(900, 700, (({"order_id": 4}, "lost"),), ("orders",), 3, "states.name")
    judgement = judge("references", table(contract=contract({"status": "states"})), {STATES: difference})
    assert judgement.total == 700
    assert "3 rows left out" in judgement.message


def test_of_no_rows_nothing_is_proved() -> None:
    assert judge("references", table(contract=contract()), rows=0).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize("written", [{"status": "a.b.c"}, {"status": ""}, {"status": {"column": "x"}}, ["status"]])
def test_what_cannot_be_understood_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        check("references").configure(table(contract=contract(written)))


def test_a_column_that_the_contract_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'state', which is not among the columns"):
        check("references").configure(table(contract=contract({"state": "states"})))
