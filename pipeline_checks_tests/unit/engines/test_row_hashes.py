"""Rows as hashes: equal for equal values in any batches and types, different when any one value differs."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_checks.engines.row_hashes import HASH, ComparedColumn, RowForm, differing_keys
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType

INT, TEXT, FLOAT = LogicalType("int64"), LogicalType("string"), LogicalType("float64")
KEY = (ComparedColumn("id", "id", INT),)
PLAIN = RowForm(KEY, (*KEY, ComparedColumn("name", "name", TEXT), ComparedColumn("x", "x", FLOAT)), ("id", "name", "x"))


def table(ids: list[int], names: list[str | None], xs: list[float | None], kind: Any = None) -> pa.Table:
    return pa.table({"id": pa.array(ids, kind or pa.int64()), "name": pa.array(names, pa.string()), "x": xs})


def keys_of(found: pa.Table, expected: pa.Table) -> list[int]:
    return sorted(differing_keys(PLAIN.hashed(found), PLAIN.hashed(expected), ["id"]).get_column("id").to_list())


def test_equal_rows_are_equal_as_table_as_stream_as_lazy_frame_and_in_a_narrower_type() -> None:
    whole = table([1, 2, 3], ["a", None, ""], [0.5, None, float("nan")])
    forms = [
        PLAIN.hashed(whole),
        PLAIN.hashed(whole.to_reader(max_chunksize=1)),
        PLAIN.hashed(pl.DataFrame(whole).lazy()),
        PLAIN.hashed(whole.set_column(0, "id", whole.column(0).cast(pa.int32()))),
    ]
    assert all(f.sort("id").equals(forms[0].sort("id")) for f in forms)


def test_null_is_neither_empty_nor_zero() -> None:
    assert keys_of(table([1, 2], ["", "b"], [0.0, 1.0]), table([1, 2], [None, "b"], [None, 1.0])) == [1]


def test_a_key_with_several_rows_differs_when_one_of_them_does() -> None:
    assert keys_of(table([1, 1], ["a", "b"], [1.0, 1.0]), table([1], ["a"], [1.0])) == [1]
    assert keys_of(table([1, 1], ["a", "a"], [1.0, 1.0]), table([1], ["a"], [1.0])) == []


def test_no_rows_have_a_form_too() -> None:
    empty = PLAIN.hashed(table([], [], []))
    assert (empty.height, empty.columns) == (0, ["id", HASH])


def test_a_derived_column_is_computed_from_the_row() -> None:
    derived = RowForm(KEY, (*KEY, ComparedColumn("both", "concat_ws('-', name, x)", TEXT, True)), ("id", "name", "x"))
    held = RowForm(KEY, (*KEY, ComparedColumn("both", "both", TEXT)), ("id", "both"))
    source = table([1, 2], ["a", None], [0.5, 1.5])
    kept = pa.table({"id": [1, 2], "both": ["a-0.5", "1.5"]})
    assert differing_keys(held.hashed(kept), derived.hashed(source), ["id"]).height == 0
    wrong = pa.table({"id": [1, 2], "both": ["a-0.5", "2.5"]})
    assert differing_keys(held.hashed(wrong), derived.hashed(source), ["id"]).get_column("id").to_list() == [2]
    assert derived.valued(source, pl.DataFrame({"id": [2]})).rows() == [(2, "1.5")]


def test_an_expression_that_cannot_be_computed_is_told_with_the_next_step() -> None:
    wrong = RowForm(KEY, (*KEY, ComparedColumn("both", "nothing || name", TEXT, True)), ("id", "name"))
    with pytest.raises(ConfigurationError, match="both: nothing"):
        wrong.hashed(table([1], ["a"], [1.0]))
    file = "(SELECT content FROM read_text('/etc/hostname'))"
    reading = RowForm(KEY, (*KEY, ComparedColumn("both", file, TEXT, True)), ("id",))
    with pytest.raises(ConfigurationError):
        reading.hashed(table([1], ["a"], [1.0]))


ROWS = st.dictionaries(
    st.integers(0, 20), st.tuples(st.one_of(st.none(), st.text(max_size=3)), st.one_of(st.none(), st.floats()))
)


@given(ROWS, ROWS)
def test_the_keys_that_differ_are_those_of_a_full_join(one: dict[int, Any], other: dict[int, Any]) -> None:
    def rows(held: dict[int, Any]) -> pa.Table:
        return table(list(held), [v[0] for v in held.values()], pa.array([v[1] for v in held.values()], pa.float64()))

    def same(a: Any, b: Any) -> bool:
        return a == b or (a is not None and b is not None and a != a and b != b)

    expected = [k for k in one if k in other and not all(map(same, one[k], other[k]))]
    assert keys_of(rows(one), rows(other)) == sorted(expected)
