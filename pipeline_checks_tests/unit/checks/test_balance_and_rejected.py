"""balance, rejected and exact_columns: sums, dead letters and types, each both ways."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.balance import Balance, Rejected, RejectedDifference, RejectedFrames, Sums
from pipeline_checks.model.measure import Grade, Measured, StageSchema
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, PROMISED, judge, schema, source, stage, table

LETTERS = Balance("letters")
SUMS = {"given": {"records": 10}, "made": {"rows": 8, "duplicates": 2}}


def balanced(**fields: Any) -> Judgement:
    declared = table(contract={**ORDERS, "balance": {"dead_letters": "letters"}})
    return judge("balance", declared, {LETTERS: Sums(**{**SUMS, **fields})})


def rejected(**fields: Any) -> Judgement:
    declared = stage("kafka_topic", {"key": [], "rejected": {}}, **{"from": ("topic", "feed")})
    return judge("rejected", declared, {RejectedFrames(): RejectedDifference(**fields)})


def exact(found: Any) -> Judgement:
    return judge("exact_columns", table(contract={**ORDERS, "exact_columns": {}}), {StageSchema(): found})


def test_they_apply_where_they_are_promised() -> None:
    promised = {**ORDERS, "balance": {}, "rejected": {}, "exact_columns": {}}
    for kind in ("balance", "rejected", "exact_columns"):
        assert check(kind).applies_to(table(contract=promised))
        assert not check(kind).applies_to(table())
    assert not check("balance").applies_to(source(contract=promised))


def test_sums_that_are_equal_pass() -> None:
    judgement = balanced(claimed={"rows": 8}, counted={"rows": 8})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "it adds up: 10 records = 8 rows + 2 duplicates"
    assert judgement.measures["given_records"] == 10


@pytest.mark.parametrize(("rows", "kind", "word"), [(5, "missing", "more came"), (9, "unexpected", "less came")])
def test_sums_that_differ_fail_with_the_difference(rows: int, kind: str, word: str) -> None:
    judgement = balanced(made={"rows": rows, "duplicates": 2})
    (finding,) = judgement.findings
    assert (judgement.verdict, finding.kind, finding.detail) == (Verdict.FAIL, kind, "balance")
    assert (finding.expected, finding.seen) == (10, rows + 2)
    assert finding.message.startswith(word)


def test_a_writer_that_counts_otherwise_is_told() -> None:
    (finding,) = balanced(claimed={"rows": 9}, counted={"rows": 8}).findings
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == ("changed", "claimed:rows", 8, 9)


def test_sums_that_are_not_known_or_of_nothing_prove_nothing() -> None:
    judgement = balanced(problem="the feed keeps no ledger")
    assert (judgement.verdict, judgement.message) == (Verdict.UNSETTLED, "the feed keeps no ledger")
    assert balanced(given={"records": 0}, made={"rows": 0}).verdict is Verdict.UNSETTLED
    assert balanced(expired="records have expired").verdict is Verdict.WARN


def test_every_rejected_frame_among_the_dead_letters_passes() -> None:
    judgement = rejected(frames=7, records=1, letters=8, reasons={"not_json": 8})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "7 frames and 1 record rejected, 8 dead letters"


def test_a_frame_that_is_nowhere_and_a_letter_of_nothing_are_found() -> None:
    lost = Rejected("a frame of 3 bytes that the feed has sent", {"sha256": "ab"}, "not_json")
    stray = Rejected("the dead letter at partition 0, offset 4 of orders", {"partition": 0, "offset": 4}, "x")
    judgement = rejected(frames=1, letters=1, missing_total=1, missing=(lost,), unexpected_total=1, unexpected=(stray,))
    assert [(f.kind, f.key) for f in judgement.findings] == [
        ("not_in_dead_letters", {"sha256": "ab"}),
        ("unexpected", {"partition": 0, "offset": 4}),
    ]
    assert "a frame of 3 bytes that the feed has sent (not_json) is not in orders" in judgement.findings[0].message


def test_letters_without_a_reason_warn_and_without_a_ledger_nothing_is_proved() -> None:
    assert rejected(frames=1, letters=1, without_reason=1).verdict is Verdict.WARN
    assert rejected(letters=3, has_ledger=False).verdict is Verdict.UNSETTLED
    assert rejected().verdict is Verdict.UNSETTLED


def test_columns_of_just_the_promised_types_pass() -> None:
    judgement = exact(PROMISED)
    assert (judgement.verdict, judgement.looked_at) == (Verdict.PASS, {"columns": 4})


@pytest.mark.parametrize(
    ("found", "detail", "message"),
    [
        ({"amount": "decimal(12,2)!"}, "retyped", "column amount is decimal(12,2), decimal(10,2) is promised"),
        ({"amount": "decimal(10,2)"}, "nullability", "column amount is nullable, not null is promised"),
        ({"status": "string!"}, "nullability", "column status is not null, nullable is promised"),
    ],
)
def test_a_wider_type_or_another_nullability_is_found(found: dict[str, str], detail: str, message: str) -> None:
    columns = {"order_id": "int64!", "status": "string", "amount": "decimal(10,2)!", "updated_at": "timestamp"}
    judgement = exact(schema(**{**columns, **found}))
    (finding,) = judgement.findings
    assert (judgement.verdict, finding.detail, finding.message) == (Verdict.FAIL, detail, message)


def test_columns_that_are_not_known_prove_nothing() -> None:
    assert exact(Measured(Schema(()), Grade.UNKNOWN)).verdict is Verdict.UNSETTLED
    assert exact(schema()).verdict is Verdict.UNSETTLED
