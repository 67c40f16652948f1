"""duplicates: no key twice."""

from __future__ import annotations

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import (
    DuplicateClasses,
    DuplicateKeys,
    DuplicateSample,
    Grade,
    Measured,
    UpstreamDuplicates,
)
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import api, change_log, connector, judge, source, stage, table, topic

KEY = DuplicateKeys(("order_id",))
FOUR_TWICE = DuplicateSample(1, 1, (({"order_id": 4}, 2),))


@pytest.mark.parametrize("declaration", [source(), topic(), table(), change_log(), api()])
def test_a_stage_without_duplicates_passes(declaration: StageDeclaration) -> None:
    judgement = judge("duplicates", declaration)
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10}


@pytest.mark.parametrize(
    ("declaration", "detail"), [(source(), "business"), (topic(), "replayed"), (table(), "sink_rewrite")]
)
def test_a_duplicate_is_named_with_its_class(declaration: StageDeclaration, detail: str) -> None:
    judgement = judge("duplicates", declaration, {KEY: FOUR_TWICE})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.key, finding.seen) == ("duplicate", detail, {"order_id": 4}, 2)
    assert finding.stage == "orders"
    assert judgement.measures == {"duplicate_keys": 1, "surplus_rows": 1}


@pytest.mark.parametrize(
    ("class_", "words"), [("sink_rewrite", "the same row written twice"), ("business", "which differ")]
)
def test_what_the_rows_of_a_key_in_a_table_have_in_common_decides_its_class(class_: str, words: str) -> None:
    (finding,) = judge("duplicates", table(), {KEY: FOUR_TWICE, DuplicateClasses(KEY.key): (class_,)}).findings
    assert finding.detail == class_
    assert words in finding.message


def test_a_topic_tells_the_class_and_the_place_of_the_second_copy() -> None:
    place = OffsetsPosition.of({"shop.orders": {1: 8}})
    overlap = DuplicateSample(1, 1, (({"order_id": 4}, 2),), ("snapshot_overlap",), (place,))
    (finding,) = judge("duplicates", topic(), {KEY: overlap}).findings
    assert (finding.detail, finding.position) == ("snapshot_overlap", place)
    assert "read by a snapshot and told by the log again" in finding.message


def test_an_api_takes_the_class_from_its_table() -> None:
    above = DuplicateSample(1, 1, (({"order_id": 4}, 2),), ("business",))
    upstream = {"delta_orders": table(name="delta_orders")}
    judgement = judge("duplicates", api(), {KEY: FOUR_TWICE, UpstreamDuplicates(): above}, upstream=upstream)
    assert [(f.stage, f.detail) for f in judgement.findings] == [("delta_orders", "business")]


def test_a_key_doubled_in_the_table_of_an_api_went_wrong_there_first() -> None:
    upstream = {"delta_orders": table(name="delta_orders")}
    judgement = judge("duplicates", api(), {KEY: FOUR_TWICE, UpstreamDuplicates(): FOUR_TWICE}, upstream=upstream)
    (finding,) = judgement.findings
    assert (finding.stage, finding.detail) == ("delta_orders", "sink_rewrite")
    assert finding.to_json()["seen_at"] == "orders"
    assert "where it went wrong first" in finding.message


def test_a_key_that_only_the_api_doubles_went_wrong_in_the_api() -> None:
    five = DuplicateSample(1, 1, (({"order_id": 5}, 2),))
    for above in (five, None):
        (finding,) = judge("duplicates", api(), {KEY: FOUR_TWICE, UpstreamDuplicates(): above}).findings
        assert finding.stage == "orders"


def test_all_duplicates_are_counted_where_only_a_sample_is_listed() -> None:
    many = DuplicateSample(700, 900, (({"order_id": 4}, 2),))
    assert judge("duplicates", table(), {KEY: many}).total == 700


def test_a_number_that_is_not_exact_does_not_pass() -> None:
    measured = Measured(DuplicateSample(0, 0), Grade.BOUND)
    assert judge("duplicates", table(), {KEY: measured}).verdict is Verdict.WARN


def test_among_no_rows_nothing_is_proved_unless_the_stage_may_be_empty() -> None:
    assert judge("duplicates", table(), rows=0).verdict is Verdict.UNSETTLED
    assert judge("duplicates", table(may_be_empty=True), rows=0).verdict is Verdict.PASS


def test_stages_without_rows_or_key_have_no_duplicates() -> None:
    assert not check("duplicates").applies_to(connector())
    assert not check("duplicates").applies_to(stage("delta_table", {}))
