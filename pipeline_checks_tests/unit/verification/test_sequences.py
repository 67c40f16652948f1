"""Missing numbers and their blame, order and restarts, over numbers in plain frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.verification.sequences import _blamed, _disorder, _missing, _segment

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def rows(*numbers: int, group: str = "a", minutes: float = 0.0) -> pl.DataFrame:
    """Return numbers in the order in which they stand, so many minutes apart."""
    times = [NOON + timedelta(minutes=minutes * i) for i in range(len(numbers))]
    schema = {"__by_0": pl.String, "__number": pl.Int64, "__time": pl.Datetime("us", "UTC")}
    return pl.DataFrame({"__by_0": [group] * len(numbers), "__number": numbers, "__time": times}, schema=schema)


def judged(frame: pl.DataFrame) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Return the missing stretches, the numbers out of order, and those at which the sequence begins anew."""
    by = ["__by_0"]
    segments = frame.with_columns(_segment(frame, by))
    wrong, restarts = _disorder(segments, by)
    gaps = _missing(segments, by).sort("first").select("first", "last").rows()
    return gaps, wrong.get_column("__number").to_list(), restarts.get_column("__number").to_list()


@pytest.mark.parametrize(
    ("numbers", "gaps", "wrong"),
    [
        ((), [], []),
        ((7,), [], []),
        ((1, 2, 3), [], []),
        ((1, 2, 2, 3), [], []),
        ((1, 3, 2, 4), [], [2]),
        ((3, 1, 2), [], [1, 2]),
        ((1, 5, 9), [(2, 4), (6, 8)], []),
        ((5, 1, 5), [(2, 4)], [1]),
    ],
)
def test_gaps_and_order_of_one_group(numbers: tuple[int, ...], gaps: list[tuple[int, int]], wrong: list[int]) -> None:
    assert judged(rows(*numbers)) == (gaps, wrong, [])


def test_groups_are_counted_each_on_its_own() -> None:
    assert judged(pl.concat([rows(1, 2), rows(5, 7, group="b")])) == ([(6, 6)], [], [])


def test_far_below_and_an_hour_later_a_sequence_begins_anew() -> None:
    assert judged(rows(900, 901, 1, 2, 4, minutes=61)) == ([(3, 3)], [], [1])
    assert judged(rows(900, 901, 1, 2, minutes=1))[1:] == ([1, 2], [])
    assert judged(rows(900, 901, 800, minutes=61))[1:] == ([800], [])


def numbers(*given: int) -> pl.Series:
    return pl.Series("__number", sorted(given), pl.Int64)


def test_what_is_missing_is_blamed_on_the_first_stage_that_lacks_it() -> None:
    topic, feed = numbers(1, 2, 3, 4, 7, 10), numbers(1, 2, 3, 4, 6, 7, 10)
    told = _blamed(5, 9, "table", [("topic", topic), ("feed", feed)])
    assert told == [(5, 5, "feed"), (6, 6, "topic"), (7, 7, "table"), (8, 9, "feed")]


def test_numbers_beyond_those_of_the_stage_before_are_no_gap_there() -> None:
    assert _blamed(1001, 10**12, "table", [("topic", numbers(1, 1000))]) == [(1001, 10**12, "table")]
    assert _blamed(1, 4, "table", [("topic", numbers(3, 5))]) == [(1, 3, "table"), (4, 4, "topic")]
    assert _blamed(5, 9, "table", [("topic", numbers())]) == [(5, 9, "table")]


def test_of_what_has_expired_in_the_topic_the_feed_is_asked() -> None:
    before = [("topic", numbers(8, 9)), ("feed", numbers(1, 2, 4, 8, 9))]
    assert _blamed(3, 7, "table", before) == [(3, 3, "feed"), (4, 4, "table"), (5, 7, "feed")]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.integers(1, 30), st.integers(0, 10))
def test_the_parts_of_a_stretch_are_just_the_stretch(topic: set[int], feed: set[int], first: int, more: int) -> None:
    parts = _blamed(first, first + more, "table", [("topic", numbers(*topic)), ("feed", numbers(*feed))])
    told = {number: stage for a, b, stage in parts for number in range(a, b + 1)}
    assert sorted(told) == list(range(first, first + more + 1))
    assert sum(b - a + 1 for a, b, _ in parts) == more + 1
    for number, stage in told.items():
        in_topic = bool(topic) and min(topic) <= number <= max(topic)
        lacks_feed = bool(feed) and min(feed) <= number <= max(feed) and number not in feed
        has_topic = in_topic and number in topic
        without_feed = "topic" if in_topic else "table"
        assert stage == ("table" if has_topic else "feed" if lacks_feed else without_feed)
