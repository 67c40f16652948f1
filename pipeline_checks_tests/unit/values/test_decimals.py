"""Texts made into decimals: exactly, or refused; never another number."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.values.decimals import decimals_of

UNLIMITED = pa.decimal128(38, 18)


@settings(deadline=None)
@given(st.lists(st.none() | st.decimals(-(10**60), 10**60, places=4), max_size=4))
def test_what_comes_out_is_the_number_that_went_in_or_nothing(numbers: list[Decimal | None]) -> None:
    texts = pa.array([None if n is None else format(n, "f") for n in numbers], pa.string())
    try:
        found = decimals_of(texts, UNLIMITED).to_pylist()
    except pa.ArrowInvalid:
        assert any(n is not None and abs(n) >= 10**20 for n in numbers)
    else:
        assert found == numbers


@pytest.mark.parametrize(("text", "number"), [("1e3", "1000"), ("-0.5", "-0.5"), ("00000000000000000000000001", "1")])
def test_other_ways_to_write_a_number_are_read(text: str, number: str) -> None:
    assert decimals_of(pa.array([text]), UNLIMITED).to_pylist() == [Decimal(number)]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e30", "1" + "0" * 30, "0.1234567890123456789"])
def test_what_has_no_place_is_refused(text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        decimals_of(pa.array([text]), UNLIMITED)


def test_a_number_that_is_too_large_for_its_type_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        decimals_of(pa.array(["12345678901.00"]), pa.decimal128(12, 2))
