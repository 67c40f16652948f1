"""Whether a table covers the cut, since when it owes events, and how long events took."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline_checks.verification.coverage import judge_coverage, required_offsets
from pipeline_checks.verification.latency import Arrival, measure_latency, served_arrivals, table_arrivals
from pipeline_checks_tests.unit.verification.events import NOON, TOPIC, covers, cut_before, event, history


def test_a_table_covers_the_cut_when_it_has_passed_the_last_event_of_the_cut_in_each_partition() -> None:
    told = history([event(0, 0, "c", 1, 10), event(1, 4, "c", 2, 10), event(1, 5, "c", 3, 15)], cut=cut_before(12))
    required = required_offsets([told], "current")
    assert required == covers({0: 1, 1: 5})
    state = judge_coverage([told], "current", covers({0: 1, 1: 5}), True, NOON, 0.0)
    assert (state.covers_cut, state.lag_seconds, state.events) == (True, 0.0, 2)


def test_the_lag_runs_from_the_commit_of_the_oldest_event_not_covered() -> None:
    told = history(
        [event(0, 0, "c", 1, 10, second=1), event(0, 1, "c", 2, 10, second=4), event(0, 2, "c", 3, 11, second=6)],
        cut=cut_before(12),
    )
    state = judge_coverage([told], "current", covers({0: 1}), True, NOON + timedelta(seconds=10), 5.0)
    assert (state.covers_cut, state.lag_seconds) == (False, 6.0)
    assert "2 of 3 events" in state.reason


def test_a_table_that_is_to_say_what_it_covers_and_does_not_is_behind_and_one_that_need_not_is_unknown() -> None:
    told = history([event(0, 0, "c", 1, 10)], cut=cut_before(12))
    assert judge_coverage([told], "current", None, True, NOON, 0.0).covers_cut is False
    assert judge_coverage([told], "current", None, False, NOON, 0.0).covers_cut is None


def test_dead_letters_owe_the_malformed_records_only() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "malformed", None, None)], cut=cut_before(12))
    assert required_offsets([told], "dead_letters") == covers({0: 2})
    assert judge_coverage([told], "dead_letters", covers({0: 2}), True, NOON, 0.0).events == 1


def test_the_latency_of_an_event_ends_with_the_first_commit_that_covers_it() -> None:
    told = history(
        [event(0, 0, "c", 1, 10, second=0), event(0, 1, "c", 2, 11, second=1), event(0, 2, "u", 2, 12, second=9)],
        cut=cut_before(20),
    )
    commits = [
        {"version": 1, "timestamp": (NOON + timedelta(seconds=2)).isoformat(), "covers": {TOPIC: {"0": 2}}},
        {"version": 2, "timestamp": (NOON + timedelta(seconds=8)).isoformat(), "covers": {TOPIC: {"0": 2}}},
    ]
    commits[0]["is_first"] = True
    sample = measure_latency(
        told, NOON + timedelta(seconds=10), 3600, "commit_to_table", table_arrivals(commits, TOPIC)
    )
    assert sample.events == 2
    assert sorted(sample.hops["commit_to_table"]) == pytest.approx([1.0, 2.0])
    assert sample.backwards == 0
    loads = [{"version": 2, "loaded_at": (NOON + timedelta(seconds=9)).isoformat()}]
    served = measure_latency(
        told, NOON + timedelta(seconds=10), 3600, "commit_to_api", served_arrivals(commits, loads, TOPIC)
    )
    assert sorted(served.hops["commit_to_api"]) == pytest.approx([8.0, 9.0])
    assert served.slowest is not None
    assert served.slowest["key"] == {"customer_id": 1}


def test_what_the_oldest_retained_commit_covers_arrived_nobody_knows_when() -> None:
    told = history([event(0, i, "c", i, 10 + i, second=i) for i in range(4)], cut=cut_before(20))
    commits = [
        {"version": 6, "timestamp": (NOON + timedelta(seconds=50)).isoformat()},
        {"version": 7, "timestamp": (NOON + timedelta(seconds=60)).isoformat(), "covers": {TOPIC: {"0": 2}}},
        {"version": 8, "timestamp": (NOON + timedelta(seconds=61)).isoformat(), "covers": {TOPIC: {"0": 2}}},
        {"version": 9, "timestamp": (NOON + timedelta(seconds=63)).isoformat(), "covers": {TOPIC: {"0": 4}}},
    ]
    loads = [{"version": v, "loaded_at": (NOON + timedelta(seconds=v * 10)).isoformat()} for v in (7, 9)]
    now = NOON + timedelta(seconds=100)
    table = measure_latency(told, now, 3600, "commit_to_table", table_arrivals(commits, TOPIC))
    assert sorted(table.hops["commit_to_table"]) == pytest.approx([60.0, 61.0])
    served = measure_latency(told, now, 3600, "commit_to_api", served_arrivals(commits, loads, TOPIC))
    assert sorted(served.hops["commit_to_api"]) == pytest.approx([87.0, 88.0])


def test_an_event_that_arrives_before_it_was_committed_goes_backwards() -> None:
    told = history([event(0, 0, "c", 1, 10, second=5)], cut=cut_before(20))
    early = [Arrival(0, 1, NOON)]
    assert measure_latency(told, NOON + timedelta(seconds=10), 3600, "commit_to_table", early).backwards == 1


def test_snapshot_rows_and_old_events_have_no_latency() -> None:
    told = history([event(0, 0, "r", 1, 10), event(0, 1, "c", 2, 11, second=-7200)], cut=cut_before(20))
    assert measure_latency(told, NOON, 3600).events == 0
