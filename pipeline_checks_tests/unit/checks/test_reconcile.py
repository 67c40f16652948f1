"""reconcile: values row by row, each difference with the way the row went."""

from __future__ import annotations

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import ChangedRow, Coverage, RowComparison, RowDifference, Step
from pipeline_checks.model.position import LsnPosition, OffsetsPosition, VersionPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import BEHIND, UNKNOWN, api, connector, judge, source, table, topic

EVENT = OffsetsPosition.of({"shop.orders": {3: 812}})
STEPS = (
    Step("pg_orders", LsnPosition(16), {"amount": "10.00"}),
    Step("topic_orders", EVENT, {"amount": "10.00"}),
    Step("orders", VersionPosition(57), {"amount": "9.00"}),
)
ROW = ChangedRow({"order_id": 42}, {"amount": "10.00"}, {"amount": "9.00"}, "orders", VersionPosition(57), steps=STEPS)
COLUMNS = ("order_id", "amount")


@pytest.mark.parametrize("declaration", [topic(), table(), api()])
def test_rows_that_are_all_equal_pass(declaration: StageDeclaration) -> None:
    judgement = judge("reconcile", declaration)
    assert (judgement.verdict, judgement.looked_at, judgement.findings) == (Verdict.PASS, {"rows": 10}, ())


@pytest.mark.parametrize(
    "declaration",
    [source(), connector(), table(**{"from": ()}), table(covers="none", rows_stand_for="changes")],
)
def test_it_is_not_promised_where_there_is_nothing_to_compare_with(declaration: StageDeclaration) -> None:
    assert not check("reconcile").applies_to(declaration)


def test_a_changed_row_is_told_with_both_values_and_its_way() -> None:
    difference = RowDifference(10, COLUMNS, 1, (ROW,), against=("pg_orders", "topic_orders"))
    judgement = judge("reconcile", table(), {RowComparison(): difference})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.stage, finding.key) == ("changed", "orders", {"order_id": 42})
    assert (finding.expected, finding.seen) == ({"amount": "10.00"}, {"amount": "9.00"})
    assert finding.position == VersionPosition(57)
    assert "topic_orders at {'shop.orders': {'3': 812}} 10.00; orders at 57 9.00 - first wrong at orders" in (
        finding.message
    )
    assert [step["stage"] for step in finding.extra["journey"]] == ["pg_orders", "topic_orders", "orders"]


def test_a_row_that_went_wrong_before_is_blamed_on_the_stage_where_it_did() -> None:
    row = ChangedRow({"order_id": 42}, {"amount": "10"}, {"amount": "9"}, "topic_orders", EVENT, steps=STEPS)
    (finding,) = judge("reconcile", table(), {RowComparison(): RowDifference(10, COLUMNS, 1, (row,))}).findings
    assert (finding.stage, finding.position, finding.extra["seen_at"]) == ("topic_orders", EVENT, "orders")


def test_an_earlier_state_of_a_row_is_stale() -> None:
    row = ChangedRow({"order_id": 42}, {"amount": "10"}, {"amount": "9"}, "orders", None, is_stale=True)
    (finding,) = judge("reconcile", table(), {RowComparison(): RowDifference(10, COLUMNS, 1, (row,))}).findings
    assert (finding.kind, finding.position) == ("stale", VersionPosition(57))


def test_what_was_not_compared_is_a_doubt() -> None:
    difference = RowDifference(10, COLUMNS, 0, skipped={"total": "not told"}, unknown_rows=2)
    judgement = judge("reconcile", table(), {RowComparison(): difference})
    assert judgement.verdict is Verdict.WARN
    assert "column total is not compared" in judgement.message
    assert "of 2 events the topic does not have all values" in judgement.message


def test_a_topic_behind_the_cut_or_a_table_that_tells_nothing_is_not_judged() -> None:
    difference = RowDifference(10, COLUMNS, 1, (ROW,))
    for declaration, coverage in ((topic(), BEHIND), (table(), UNKNOWN), (api(), BEHIND)):
        judgement = judge("reconcile", declaration, {RowComparison(): difference, Coverage(): coverage})
        assert (judgement.verdict, judgement.findings) == (Verdict.UNSETTLED, ())


def test_a_table_behind_the_cut_is_judged_at_its_own_position() -> None:
    difference = RowDifference(10, COLUMNS, 1, (ROW,))
    judgement = judge("reconcile", table(), {RowComparison(): difference, Coverage(): BEHIND})
    assert judgement.verdict is Verdict.FAIL


def test_no_row_compared_is_no_pass() -> None:
    assert judge("reconcile", table(), {RowComparison(): RowDifference(0, COLUMNS, 0)}).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize("declaration", [topic(contract={"key": []}), table(contract={"key": []})])
def test_rows_that_nothing_identifies_are_not_compared_and_the_reason_is_told(declaration: StageDeclaration) -> None:
    judgement = judge("reconcile", declaration)
    assert judgement.verdict is Verdict.WARN
    assert "nothing identifies a row (`key: []`)" in judgement.message


def test_a_source_that_nothing_identifies_and_a_contract_without_a_word_of_a_key_promise_nothing() -> None:
    assert not check("reconcile").applies_to(source(contract={"key": []}))
    assert not check("reconcile").applies_to(table(contract={}))
