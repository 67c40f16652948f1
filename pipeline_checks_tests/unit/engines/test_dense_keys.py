"""Dense integer keys are proved unique, or shown not to be, by flags."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline_checks.engines.dense_keys import MOST_ROWS, surplus_in_column, surplus_of_dense_keys


@given(st.lists(st.lists(st.integers(-50, 50), max_size=40), max_size=5))
def test_the_surplus_is_the_rows_beyond_the_first_of_each_key(parts: list[list[int]]) -> None:
    flat = [k for part in parts for k in part]
    assert surplus_of_dense_keys([np.array(p, dtype=np.int64) for p in parts]) == len(flat) - len(set(flat))


def test_sparse_keys_and_keys_that_are_no_integers_are_left_to_hashing() -> None:
    assert surplus_of_dense_keys([np.array([1, 2**62])]) is None
    assert surplus_of_dense_keys([np.array([1.0, 2.0])]) is None
    assert surplus_in_column(pa.chunked_array([pa.array([1, None])])) is None
    assert surplus_in_column(pa.chunked_array([pa.array(["a"])])) is None
    assert MOST_ROWS > 0


def test_the_least_and_greatest_64_bit_keys_do_not_overflow() -> None:
    ends = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])
    assert surplus_of_dense_keys([ends]) is None
