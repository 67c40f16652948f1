"""Duplicate keys by 64-bit images: those that counting by hand gives, for every kind of key and way of memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_checks.engines import key_images, row_hashes
from pipeline_checks.engines.key_images import duplicates_by_images
from pipeline_checks.model.measure import DuplicateSample

Rows = Callable[[Sequence[str]], Any]


def stream(**columns: Any) -> Rows:
    """Rows as a stream of batches of three."""
    table = pa.table(columns)
    return lambda names: table.select(list(names)).to_reader(max_chunksize=3)


def by_hand(keys: Sequence[Any]) -> tuple[int, int]:
    counted = [n for n in Counter(keys).values() if n > 1]
    return len(counted), sum(counted) - len(counted)


INTEGERS = st.lists(st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1)), max_size=60)


@settings(deadline=None)
@given(INTEGERS)
def test_integers_dense_or_not_with_and_without_null(keys: list[int | None]) -> None:
    found = duplicates_by_images(stream(k=pa.array(keys, pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == by_hand(keys)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=2), st.one_of(st.none(), st.integers(0, 2))), max_size=60))
def test_keys_of_text_and_of_several_columns(keys: list[tuple[str, int | None]]) -> None:
    rows = stream(a=pa.array([a for a, _ in keys], pa.string()), b=pa.array([b for _, b in keys], pa.int64()))
    both, first = duplicates_by_images(rows, ["a", "b"]), duplicates_by_images(rows, ["a"])
    assert both is not None and first is not None
    assert (both.keys, both.surplus_rows) == by_hand(keys)
    assert (first.keys, first.surplus_rows) == by_hand([a for a, _ in keys])
    assert {tuple(k.values()): n for k, n in both.sample} == {k: n for k, n in Counter(keys).items() if n > 1}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(INTEGERS)
def test_more_keys_than_memory_may_hold_are_distributed_over_files(
    monkeypatch: pytest.MonkeyPatch, keys: list[int | None]
) -> None:
    monkeypatch.setattr(key_images, "MOST_IMAGES", 7)
    found = duplicates_by_images(stream(k=pa.array(keys, pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == by_hand(keys)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(INTEGERS, st.integers(1, 60))
def test_flags_that_do_not_reach_far_enough_change_nothing(
    monkeypatch: pytest.MonkeyPatch, keys: list[int | None], most: int
) -> None:
    monkeypatch.setattr(key_images, "MOST_FLAGS", most)
    monkeypatch.setattr(key_images, "LEAST_HALVED", 4)
    found = duplicates_by_images(stream(k=pa.array(keys, pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == by_hand(keys)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1).map(lambda k: k >> 40), max_size=60, unique=True))
def test_keys_that_all_differ_are_read_once(keys: list[int]) -> None:
    readings: list[int] = []
    table = pa.table({"k": pa.array(keys, pa.int64())})

    def rows(names: Sequence[str]) -> Any:
        readings.append(1)
        return table.select(list(names)).to_reader(max_chunksize=3)

    found = duplicates_by_images(rows, ["k"])
    assert (found, len(readings)) == (DuplicateSample(0, 0), 1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([-(2**63), -(2**63) + 70, -100, 0, 2**40, 2**63 - 400]),
    st.lists(st.integers(0, 300), max_size=60),
    st.sampled_from([0, 4, 20]),
)
def test_flags_as_bytes_and_as_bits_grow_to_both_sides(
    monkeypatch: pytest.MonkeyPatch, base: int, places: list[int], compiled_from: int
) -> None:
    monkeypatch.setattr(row_hashes, "_BATCH_ROWS", 3)
    monkeypatch.setattr(key_images, "LEAST_COMPILED", compiled_from)
    keys = [base + place for place in places]
    found = duplicates_by_images(stream(k=pa.array(keys, pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == by_hand(keys)


def test_keys_at_both_ends_of_their_type_are_told_apart() -> None:
    ends = [-(2**63), 2**63 - 1, -(2**63) + 1, 2**63 - 1]
    found = duplicates_by_images(stream(k=pa.array(ends, pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == (1, 1)


def test_two_keys_of_one_image_are_two_keys() -> None:
    """NULL and the number that stands for it have one image."""
    found = duplicates_by_images(stream(k=pa.array([None, 0, 1], pa.int64())), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows) == (0, 0)


def test_too_many_repeated_keys_are_left_to_grouping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_images, "MOST_REPEATED", 2)
    assert duplicates_by_images(stream(k=[1, 1, 2, 2, 3, 3]), ["k"]) is None


def test_a_lazy_frame_is_read_as_a_stream_is() -> None:
    frame = pl.DataFrame({"k": ["a", "b", "a", None, None]}).lazy()
    found = duplicates_by_images(lambda names: frame.select(names), ["k"])
    assert found is not None
    assert (found.keys, found.surplus_rows, found.sample) == (2, 2, (({"k": "a"}, 2), ({"k": None}, 2)))
