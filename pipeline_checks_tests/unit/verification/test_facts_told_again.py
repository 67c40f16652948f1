"""Topics of facts: the first record of a key is its row; snapshots of an API are ordered as the table has them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.model.measure import Facts
from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.kafka import KafkaTopic
from pipeline_checks.verification.fold import fold_rows
from pipeline_checks.verification.latency import Arrival, served_arrivals
from pipeline_checks_tests.unit.checks.cases import ORDERS, judge, stage
from pipeline_checks_tests.unit.verification.events import event, history

KEY = ["customer_id"]


def test_the_first_record_of_a_fact_is_its_row() -> None:
    records = [event(0, 0, "c", 1, None), event(0, 1, "c", 1, None), event(0, 2, "c", 2, None)]
    values = history(records, cut=None).values()
    assert fold_rows(values, KEY, first_wins=True).get_column("__offset").to_list() == [0, 2]
    assert fold_rows(values, KEY).get_column("__offset").to_list() == [1, 2]


def commit(snapshot: int, number: int, offset: int) -> dict[str, Any]:
    at = f"2026-01-01T12:00:0{number}+00:00"
    position = SnapshotPosition(snapshot, number)
    covers = {"t": {"0": offset}}
    return {"version": snapshot, "position": position, "timestamp": at, "covers": covers, "is_first": number == 1}


COMMITS = [commit(900, 1, 5), commit(100, 2, 8), commit(500, 3, 9)]


def test_snapshots_are_ordered_as_the_table_has_them_and_not_by_their_ids() -> None:
    loads = [{"version": "100", "loaded_at": "2026-01-01T12:00:04+00:00"}]
    loads.append({"version": "500", "loaded_at": "2026-01-01T12:00:06+00:00"})
    found = {a.offset: a.instant and a.instant.second for a in served_arrivals(COMMITS, loads, "t")}
    assert found == {5: 4, 8: 4, 9: 6}


def test_of_what_was_served_at_the_first_look_it_is_not_known_since_when() -> None:
    loads: list[dict[str, Any]] = [{"version": "100", "loaded_at": None}, {"version": "77", "loaded_at": None}]
    assert served_arrivals(COMMITS, loads, "t") == [Arrival(0, 5, None), Arrival(0, 8, None)]


def topic(**fields: Any) -> KafkaTopic:
    return KafkaTopic.model_validate({"name": "t", "brokers": "b:1", "topic": "t", **fields})


def test_avro_needs_a_registry_and_nothing_else_has_one() -> None:
    assert topic(value_format="avro", registry="http://r").subject is None
    for wrong in (
        {"value_format": "avro"},
        {"registry": "http://r"},
        {"value_format": "bytes", "registry": "http://r"},
    ):
        with pytest.raises(ValidationError, match="registry is needed for value_format: avro, and for no other"):
            topic(**wrong)


@pytest.mark.parametrize(
    ("ledger", "verdict"), [({"idle": True}, Verdict.UNSETTLED), ({"idle": False}, Verdict.FAIL), (None, Verdict.FAIL)]
)
def test_an_idle_feed_has_nothing_fresh_and_no_one_is_late(ledger: dict[str, bool] | None, verdict: Verdict) -> None:
    feed = stage("feed_ledger", {**ORDERS, "freshness": {"within": 30}})
    judgement = judge("freshness", feed, {Facts("ledger"): ledger})
    assert judgement.verdict is verdict
    assert ("the feed is idle" in judgement.message) is (verdict is Verdict.UNSETTLED)
