"""Buckets: every key in one of them, and the stretches of those that differ."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline_checks.values.buckets import BucketPlan, Buckets, stretches

KEYS = st.integers(-(2**62), 2**62)


@given(KEYS, KEYS, st.integers(1, 10**9))
def test_every_key_between_the_ends_has_a_bucket(one: int, other: int, rows: int) -> None:
    least, greatest = min(one, other), max(one, other)
    plan = BucketPlan.of(least, greatest, rows)
    for key in (least, greatest, (least + greatest) // 2):
        assert 0 <= (key >> plan.shift) - plan.least < plan.count
    assert plan.count <= max(2, 2 * (rows // 256 + 2))


def buckets(counts: list[int], folded: list[int], suspect: list[bool] | None = None) -> Buckets:
    plan = BucketPlan(4, 0, len(counts))
    marked = None if suspect is None else np.array(suspect)
    return Buckets(plan, np.array(counts, np.int64), np.array(folded, np.uint64), marked)


def test_a_bucket_is_equal_when_count_and_hashes_agree_and_nothing_is_suspect() -> None:
    ours = buckets([1, 2, 3, 4], [7, 8, 9, 10], [False, False, False, True])
    assert ours.equal(buckets([1, 3, 3, 4], [7, 8, 1, 10])).tolist() == [True, False, False, False]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 5), st.integers(-100, 100))
def test_stretches_hold_exactly_the_keys_of_the_marked_buckets(marked: list[bool], shift: int, least: int) -> None:
    plan = BucketPlan(shift, least, len(marked))
    inside = {key for low, high in stretches(np.array(marked, np.bool_), plan) for key in range(low, high + 1)}
    for key in range((least << shift) - 1, ((least + len(marked)) << shift) + 1):
        place = (key >> shift) - least
        assert (key in inside) == (0 <= place < len(marked) and marked[place])
