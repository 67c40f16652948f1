"""expressions: SQL over a row that must not be false."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import ViolationSample
from pipeline_checks.model.row_promises import BrokenExpression, BrokenRows
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, api, connector, judge, source, table, topic

SQL = "status <> 'paid' OR amount > 0"
PAID = BrokenExpression(SQL, ("status", "amount"), ("order_id",))


def contract(**written: Any) -> dict[str, Any]:
    return {**ORDERS, "expressions": written or {"paid_is_more_than_nothing": SQL}}


def test_it_applies_to_rows_of_which_something_is_promised() -> None:
    found = check("expressions")
    for make in (source, topic, table, api):
        assert found.applies_to(make(contract=contract()))
        assert not found.applies_to(make())
    assert not found.applies_to(connector())


def test_the_columns_that_an_expression_names_are_read() -> None:
    stage = table(contract=contract(a=SQL, b='"updated_at" IS NULL OR Order_ID > 0', c="statuses = 1"))
    found = check("expressions")
    assert found.measures(stage, found.configure(stage)) == {
        PAID,
        BrokenExpression('"updated_at" IS NULL OR Order_ID > 0', ("order_id", "updated_at"), ("order_id",)),
        BrokenExpression("statuses = 1", (), ("order_id",)),
    }


def test_rows_that_keep_the_promise_pass() -> None:
    judgement = judge("expressions", table(contract=contract()))
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10, "expressions": 1}


def test_a_row_that_breaks_it_is_told_with_key_and_values() -> None:
    broken = BrokenRows(10, ViolationSample(60, (({"order_id": 4}, {"status": "paid", "amount": "0.00"}),)))
    judgement = judge("expressions", table(contract=contract()), {PAID: broken})
    assert judgement.verdict is Verdict.FAIL
    assert judgement.total == 60
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.key) == (
        "unaccepted_value",
        "paid_is_more_than_nothing",
        {"order_id": 4},
    )
    assert finding.seen == {"status": "paid", "amount": "0.00"}
    assert "order_id 4: status 'paid', amount '0.00' breaks paid_is_more_than_nothing" in finding.message


def test_of_no_rows_nothing_is_proved() -> None:
    assert judge("expressions", table(contract=contract()), rows=0).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize("written", [{"a": ""}, {"a": "1 = 1; DROP TABLE x"}, {"a": 5}, ["a"]])
def test_what_is_no_expression_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        check("expressions").configure(table(contract={**ORDERS, "expressions": written}))
