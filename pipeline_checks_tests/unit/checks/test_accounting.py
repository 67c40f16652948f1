"""accounting: what no one explains is a gap; markers and what has expired are none."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import HEALTHY, ORDERS, judge, source, stage, table, topic

ACCOUNT = Facts("accounting")
CLEAN: dict[str, Any] = HEALTHY["accounting"]


def stretch(first: int, last: int, partition: int = 0) -> dict[str, int]:
    return {"partition": partition, "first": first, "last": last}


def test_it_applies_to_topics_only() -> None:
    found = check("accounting")
    assert [found.applies_to(s) for s in (topic(), stage("kafka_topic"), source(), table())] == [
        True,
        True,
        False,
        False,
    ]


def test_offsets_that_are_all_records_pass_exactly() -> None:
    judgement = judge("accounting", topic())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"offsets": 10}
    assert judgement.measures["grade"] == "exact"
    assert judgement.message == "10 offsets accounted for: 9 records, 1 tombstones"


def test_markers_and_aborted_records_pass_as_a_bound() -> None:
    account = {**CLEAN, "offsets": 15, "aborted": 2, "single": 1, "single_sample": [stretch(4, 4)]}
    account["unseen"] = [stretch(7, 8)]
    judgement = judge("accounting", topic(), {ACCOUNT: account})
    assert judgement.verdict is Verdict.PASS
    assert (judgement.measures["markers"], judgement.measures["grade"]) == (3, "bound")


def test_a_stretch_too_long_for_markers_is_a_gap_with_its_range() -> None:
    account = {**CLEAN, "offsets": 13, "unseen": [stretch(4, 6, partition=1)]}
    judgement = judge("accounting", topic(), {ACCOUNT: account})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.stage, finding.detail, finding.expected) == ("gap", "orders", "offsets", 3)
    assert finding.position == OffsetsPosition.of({"shop.orders": {1: 4}})
    assert (finding.extra["partition"], finding.extra["first"], finding.extra["last"]) == (1, 4, 6)
    assert judgement.measures["lost"] == 3


def test_of_a_topic_without_transactions_every_offset_must_be_seen() -> None:
    account = {**CLEAN, "offsets": 11, "single": 1, "single_sample": [stretch(4, 4)]}
    plain = topic(contract={**ORDERS, "accounting": {"markers_in_a_row": 0}})
    (finding,) = judge("accounting", plain, {ACCOUNT: account}).findings
    assert (finding.extra["first"], finding.message.split()[:3]) == (4, ["offset", "4", "is"])


def test_compacted_and_expired_offsets_are_told() -> None:
    judgement = judge("accounting", topic(), {ACCOUNT: {**CLEAN, "offsets": 14, "compacted": 4, "expired": 7}})
    assert judgement.verdict is Verdict.PASS
    assert "4 compacted; 7 before them expired" in judgement.message
    assert judgement.measures["grade"] == "bound"


def test_an_empty_topic_is_not_proved_by_it() -> None:
    empty = {**CLEAN, "offsets": 0, "records": 0, "tombstones": 0}
    assert judge("accounting", topic(), {ACCOUNT: empty}).verdict is Verdict.UNSETTLED


def test_a_negative_number_of_markers_is_refused() -> None:
    with pytest.raises(ValidationError):
        check("accounting").configure(topic(contract={**ORDERS, "accounting": {"markers_in_a_row": -1}}))
