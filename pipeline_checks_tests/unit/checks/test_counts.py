"""counts: exact by key."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.keyless import NumberComparison, NumberDifference
from pipeline_checks.model.measure import (
    Coverage,
    DuplicateKeys,
    DuplicateSample,
    Facts,
    Grade,
    KeyComparison,
    KeyPlace,
    KeyRange,
    Measured,
    RowCount,
    UpstreamDuplicates,
)
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import (
    BEHIND,
    UNKNOWN,
    api,
    connector,
    difference,
    judge,
    source,
    stage,
    table,
    topic,
)

MISSING = difference(
    rows=9, expected_rows=10, missing_total=1, missing=(({"order_id": 4}, None),), against=("pg_orders", "topic_orders")
)
UNEXPECTED = difference(rows=11, expected_rows=10, unexpected_total=1, unexpected=(({"order_id": 99}, None),))
DOUBLED = difference(rows=12, distinct_keys=10, expected_rows=10)
TWO_TWICE = DuplicateSample(2, 2, (({"order_id": 1}, 2), ({"order_id": 2}, 2)))


@pytest.mark.parametrize("declaration", [source(), topic(), table(), api()])
def test_a_stage_that_holds_exactly_the_expected_keys_passes(declaration: StageDeclaration) -> None:
    judgement = judge("counts", declaration)
    assert judgement.verdict is Verdict.PASS
    assert judgement.findings == ()
    assert judgement.looked_at == {"rows": 10}
    assert judgement.measures["rows"] == judgement.measures["expected_rows"] == 10
    assert judgement.measures["rows_grade"] == "exact"


def test_a_missing_key_is_named_with_the_position_at_which_it_was_missed() -> None:
    judgement = judge("counts", table(), {KeyComparison(): MISSING, RowCount(): 9})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.key, finding.stage) == ("missing", {"order_id": 4}, "orders")
    assert finding.position == VersionPosition(57)
    assert "by pg_orders and topic_orders" in finding.message


def test_a_missing_key_is_told_with_its_last_event_and_the_stage_that_lost_it() -> None:
    event = OffsetsPosition.of({"shop.orders": {1: 8}})
    lost = difference(
        rows=8,
        expected_rows=10,
        missing_total=2,
        missing=(
            ({"order_id": 4}, KeyPlace(event_stage="topic_orders", event=event)),
            ({"order_id": 5}, KeyPlace(stage="topic_orders")),
        ),
    )
    own, before = judge("counts", table(), {KeyComparison(): lost, RowCount(): 8}).findings
    assert (own.kind, own.stage, own.extra["last_event"]) == ("missing", "orders", event.to_json())
    assert (before.kind, before.stage, before.extra) == ("missing", "topic_orders", {"seen_at": "orders"})


def test_a_deleted_key_that_stands_again_is_resurrected() -> None:
    event = OffsetsPosition.of({"shop.orders": {1: 8}})
    place = KeyPlace(event_stage="topic_orders", event=event, is_deleted=True)
    more = difference(rows=11, expected_rows=10, unexpected_total=1, unexpected=(({"order_id": 4}, place),))
    (finding,) = judge("counts", table(), {KeyComparison(): more, RowCount(): 11}).findings
    assert (finding.kind, finding.key, finding.stage) == ("resurrected", {"order_id": 4}, "orders")
    assert "a delete, is at" in finding.message


def test_keys_lost_in_one_stretch_are_one_finding() -> None:
    stretch = KeyRange("topic_orders", "shop.orders", 2, 1200, 1399, 187, ({"order_id": 3},))
    lost = difference(rows=13, expected_rows=200, missing_total=187, ranges=(stretch,))
    judgement = judge("counts", table(), {KeyComparison(): lost, RowCount(): 13})
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.expected) == ("missing", "range", 187)
    assert "partition 2, offsets 1200-1399" in finding.message
    assert finding.extra["keys"] == [{"order_id": 3}]
    assert judgement.findings_total == 187


def test_an_unexpected_key_is_named() -> None:
    judgement = judge("counts", table(), {KeyComparison(): UNEXPECTED, RowCount(): 11})
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.key) for f in judgement.findings] == [("unexpected", {"order_id": 99})]


def test_rows_beyond_the_keys_are_the_doubled_keys() -> None:
    values = {KeyComparison(): DOUBLED, RowCount(): 12, DuplicateKeys(("order_id",)): TWO_TWICE}
    judgement = judge("counts", table(), values)
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.detail, f.key) for f in judgement.findings] == [
        ("duplicate", "sink_rewrite", {"order_id": 1}),
        ("duplicate", "sink_rewrite", {"order_id": 2}),
    ]
    assert judge("duplicates", table(), {DuplicateKeys(("order_id",)): TWO_TWICE}).findings == judgement.findings


def test_duplicates_that_an_api_serves_are_those_of_its_table() -> None:
    values = {
        KeyComparison(): DOUBLED,
        RowCount(): 12,
        DuplicateKeys(("order_id",)): TWO_TWICE,
        UpstreamDuplicates(): TWO_TWICE,
    }
    findings = judge("counts", api(), values).findings
    assert {f.stage for f in findings} == {"delta_orders"}


def test_all_findings_are_counted_where_only_a_sample_is_listed() -> None:
    many = difference(rows=900, expected_rows=1000, missing_total=100, missing=(({"order_id": 4}, None),))
    judgement = judge("counts", table(), {KeyComparison(): many, RowCount(): 900})
    assert len(judgement.findings) == 1
    assert judgement.total == 100


def test_keys_of_which_nothing_can_be_said_keep_a_stage_from_passing() -> None:
    judgement = judge("counts", table(), {KeyComparison(): difference(unknown_keys=3)})
    assert judgement.verdict is Verdict.WARN
    assert "3 keys, whose events the topic no longer has" in judgement.message


@pytest.mark.parametrize("grade", [Grade.BOUND, Grade.UNKNOWN])
def test_a_count_that_is_not_exact_does_not_pass(grade: Grade) -> None:
    assert judge("counts", table(), {RowCount(): Measured(10, grade)}).verdict is Verdict.WARN
    keyless = stage("delta_table", {})
    assert judge("counts", keyless, {RowCount(): Measured(10, grade)}).verdict is Verdict.WARN
    assert judge("counts", keyless).verdict is Verdict.PASS


def test_a_topic_is_counted_by_its_records_not_by_its_watermarks() -> None:
    judgement = judge("counts", topic(), {RowCount(): Measured(31, Grade.BOUND)})
    assert judgement.verdict is Verdict.PASS
    assert judgement.measures["rows"] == 10
    assert judgement.measures["records"] == 31


@pytest.mark.parametrize("declaration", [topic(), api()])
def test_keys_that_have_not_arrived_yet_are_not_missing(declaration: StageDeclaration) -> None:
    for coverage in (BEHIND, UNKNOWN):
        values = {KeyComparison(): MISSING, RowCount(): 9, Coverage(): coverage}
        judgement = judge("counts", declaration, values)
        assert judgement.verdict is Verdict.UNSETTLED
        assert judgement.findings == ()
        assert coverage.reason in judgement.message


def test_a_table_behind_the_cut_is_compared_at_its_own_position() -> None:
    values = {KeyComparison(): MISSING, RowCount(): 9, Coverage(): BEHIND}
    assert judge("counts", table(), values).verdict is Verdict.FAIL


def test_of_a_table_that_cannot_say_what_it_covers_no_key_is_missing() -> None:
    values = {KeyComparison(): MISSING, RowCount(): 9, Coverage(): UNKNOWN}
    assert judge("counts", table(), values).verdict is Verdict.UNSETTLED


def test_a_malformed_record_is_located_by_partition_and_offset() -> None:
    record = {"partition": 1, "offset": 2, "error": "no JSON", "bytes": 17}
    judgement = judge("counts", topic(), {Facts("malformed"): [record]})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail) == ("unexpected", "malformed")
    assert finding.position == OffsetsPosition.of({"shop.orders": {1: 2}})
    assert finding.to_json()["bytes"] == 17


def test_a_stage_that_counts_otherwise_than_it_can_be_read_is_found() -> None:
    judgement = judge("counts", table(), {RowCount(): 12})
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.detail, f.expected, f.seen) for f in judgement.findings] == [("missing", "row_count", 12, 10)]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"min": 11}, [("missing", "below_min")]),
        ({"max": 9}, [("unexpected", "above_max")]),
        ({"min": 10, "max": 10}, []),
    ],
)
def test_limits_of_the_contract_are_held(limits: dict[str, int], expected: list[tuple[str, str]]) -> None:
    declaration = source(contract={"key": ["order_id"], "counts": limits})
    judgement = judge("counts", declaration)
    assert [(f.kind, f.detail) for f in judgement.findings] == expected
    assert judgement.verdict is (Verdict.FAIL if expected else Verdict.PASS)


def test_no_rows_at_all_prove_nothing_unless_the_stage_may_be_empty() -> None:
    assert judge("counts", table(), rows=0).verdict is Verdict.UNSETTLED
    assert judge("counts", table(may_be_empty=True), rows=0).verdict is Verdict.PASS
    lost = difference(rows=0, expected_rows=1, missing_total=1, missing=(({"order_id": 4}, None),))
    assert judge("counts", table(may_be_empty=True), {KeyComparison(): lost}, rows=0).verdict is Verdict.FAIL


@pytest.mark.parametrize("promise", [{"min": -1}, {"min": "many"}, {"min": 3, "max": 2}, {"minimum": 1}, [1], True])
def test_a_malformed_promise_is_refused(promise: object) -> None:
    with pytest.raises(ValidationError):
        check("counts").configure(source(contract={"counts": promise}))


def test_a_service_has_no_rows_to_count() -> None:
    assert not check("counts").applies_to(connector())


KEYLESS: dict[str, object] = {"key": [], "counts": {"max": 10}}


def test_rows_that_nothing_identifies_are_counted_at_the_source() -> None:
    assert judge("counts", source(contract=KEYLESS)).verdict is Verdict.PASS
    assert judge("counts", source(contract=KEYLESS), rows=11).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("found", "first_wrong", "expected"),
    [
        (10, None, []),
        (9, None, [("missing", "orders", 10, 9)]),
        (11, None, [("unexpected", "orders", 10, 11)]),
        (9, "topic_orders", [("missing", "topic_orders", 10, 9)]),
    ],
)
def test_behind_the_source_their_number_is_compared(
    found: int, first_wrong: str | None, expected: list[tuple[str, str, int, int]]
) -> None:
    number = NumberDifference(found, 10, ("pg_orders",), first_wrong)
    judgement = judge("counts", table(contract={"key": []}), {NumberComparison(): number})
    assert [(f.kind, f.stage, f.expected, f.seen) for f in judgement.findings] == expected
    assert judgement.verdict is (Verdict.FAIL if expected else Verdict.PASS)
    assert f"{found} rows, 10 expected by pg_orders" in judgement.message
    behind = judge("counts", topic(contract={"key": []}), {NumberComparison(): number, Coverage(): BEHIND})
    assert (behind.verdict, behind.findings) == (Verdict.UNSETTLED, ())


def test_a_number_that_cannot_be_known_is_a_doubt_and_none_at_all_proves_nothing() -> None:
    unknown = NumberDifference(10, None, reason="the topic no longer has all events")
    judgement = judge("counts", table(contract={"key": []}), {NumberComparison(): unknown})
    assert (judgement.verdict, judgement.looked_at) == (Verdict.WARN, {"rows": 10})
    assert "the topic no longer has all events" in judgement.message
    nothing = NumberDifference(0, 0, ("pg_orders",))
    assert judge("counts", table(contract={"key": []}), {NumberComparison(): nothing}).verdict is Verdict.UNSETTLED
