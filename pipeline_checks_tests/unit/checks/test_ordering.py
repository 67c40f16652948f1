"""ordering: events in the order of the log pass; each that is not is told with both places."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import HEALTHY, judge, source, stage, table, topic

ORDER = Facts("order")
CLEAN: dict[str, Any] = HEALTHY["order"]
EVENT = {
    "key": {"order_id": 4},
    "partition": 1,
    "offset": 8,
    "lsn": 0x20,
    "tx_id": 70,
    "before_offset": 5,
    "before_lsn": 0x30,
}


def test_it_applies_to_topics_of_change_events_only() -> None:
    found = check("ordering")
    wanted = [True, False, False, False]
    assert [found.applies_to(s) for s in (topic(), stage("kafka_topic"), source(), table())] == wanted


def test_events_in_order_pass() -> None:
    judgement = judge("ordering", topic())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"events": 8, "snapshot_events": 2}


@pytest.mark.parametrize(
    ("name", "detail", "words"),
    [
        ("keys", "key", "LSN 0/20 stands behind LSN 0/30 at offset 5"),
        ("transactions", "transaction", "transaction 70"),
        ("commits", "commit", "committed before the one at offset 5"),
        ("tombstones", "tombstone", "a tombstone of a row that lives, by the event at offset 5"),
    ],
)
def test_each_disorder_is_a_finding_with_both_places(name: str, detail: str, words: str) -> None:
    judgement = judge("ordering", topic(), {ORDER: {**CLEAN, name: [EVENT], f"{name}_total": 1}})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.key) == ("out_of_order", detail, {"order_id": 4})
    assert words in finding.message
    assert finding.position == OffsetsPosition.of({"shop.orders": {1: 8}})
    assert finding.extra["before"]["value"] == {"shop.orders": {"1": 5}}


def test_all_are_counted_where_a_sample_is_told() -> None:
    judgement = judge("ordering", topic(), {ORDER: {**CLEAN, "keys": [EVENT], "keys_total": 70}})
    assert (judgement.total, judgement.measures["out_of_order"]) == (70, 70)


def test_events_that_tell_no_lsn_leave_a_doubt() -> None:
    assert judge("ordering", topic(), {ORDER: {**CLEAN, "without_lsn": 3}}).verdict is Verdict.WARN


def test_an_empty_topic_proves_no_order() -> None:
    nothing = {**CLEAN, "events": 0, "snapshot_events": 0}
    assert judge("ordering", topic(), {ORDER: nothing}).verdict is Verdict.UNSETTLED


def test_a_topic_that_only_a_snapshot_has_written_is_in_order() -> None:
    judgement = judge("ordering", topic(), {ORDER: {**CLEAN, "events": 0}})
    assert judgement.verdict is Verdict.PASS
    assert "snapshot" in judgement.message
