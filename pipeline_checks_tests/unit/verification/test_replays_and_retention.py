"""A record that is written again is no later state of its row, and what retention took away blames no one."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from pipeline_checks.verification.fold import PRESENT, fold_presence
from pipeline_checks.verification.key_blame import KeyBlame
from pipeline_checks.verification.latency import measure_latency
from pipeline_checks_tests.unit.verification.events import NOON, covers, cut_before, event, history


def source(*ids: int) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": list(ids)}, schema={"customer_id": pl.Int64})


def test_a_replayed_creation_does_not_bring_a_deleted_row_back() -> None:
    records = [event(0, 0, "c", 1, 10, lsn=100), event(0, 1, "d", 1, 11, lsn=110), event(0, 2, "c", 1, 10, lsn=100)]
    folded = fold_presence(history(records, cut=cut_before(12)).values(), ["customer_id"])
    assert folded.select("customer_id", "__offset", PRESENT).rows() == [(1, 1, False)]


def test_another_event_with_a_lower_lsn_is_no_replay() -> None:
    """The log of a server that took over may begin at a lower place; offsets tell the order."""
    records = [event(0, 0, "c", 1, 10, lsn=500), event(0, 1, "d", 1, 11, lsn=90)]
    folded = fold_presence(history(records, cut=cut_before(12)).values(), ["customer_id"])
    assert folded.get_column(PRESENT).to_list() == [False]


def test_events_without_coordinates_are_folded_by_their_offsets() -> None:
    records = [event(0, 0, "c", 1, 10, lsn=100), event(0, 1, "d", 1, 11, lsn=50), event(0, 2, "c", 1, 12, lsn=60)]
    frame = history(records, cut=cut_before(20)).values().with_columns(pl.lit(None, pl.Int64).alias("__tx_id"))
    assert fold_presence(frame, ["customer_id"]).get_column(PRESENT).to_list() == [True]


def test_an_event_that_is_replayed_later_had_arrived_before() -> None:
    first = event(0, 0, "c", 1, 10)
    again = {**event(0, 1, "c", 1, 10, lsn=first["__lsn"]), "__append_time": NOON + timedelta(minutes=5)}
    sample = measure_latency(history([first, again], cut=cut_before(20)), NOON + timedelta(minutes=6), 3600)
    assert (sample.events, sample.hops["commit_to_topic"]) == (1, pytest.approx((0.02,)))


@pytest.mark.parametrize(("begin", "blamed"), [(0, "topic_customers"), (5, None)])
def test_a_key_without_events_was_lost_before_the_topic_unless_retention_took_them(
    begin: int, blamed: str | None
) -> None:
    told = history([event(0, 5, "c", 9, 11)], cut=cut_before(12), begin={0: begin})
    blame = KeyBlame(("customer_id",), told, covers({0: 6}), source(1, 9))
    (place,) = blame.places(source(1))
    assert place.stage == blamed


def test_a_key_whose_last_retained_event_deletes_it_was_lost_before_the_table() -> None:
    told = history([event(0, 5, "d", 1, 11)], cut=cut_before(12), begin={0: 5})
    blame = KeyBlame(("customer_id",), told, covers({0: 6}), source(1))
    (place,) = blame.places(source(1))
    assert place.stage == "topic_customers"
