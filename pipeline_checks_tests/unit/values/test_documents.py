"""Documents that say the same have one text, and those that do not have two."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.values.documents import canonical_document, canonical_documents

NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0.0", "0"),
        ("[0.10]", "[1e-1]"),
        ('{"a": 12345678901234567890}', '{"a": 1.2345678901234567890e19}'),
        ('{"é": "\\u00e9"}', '{"\\u00e9": "é"}'),
        ('{"a": 1, "a": 2.0}', '{"a": 2}'),
    ],
)
def test_what_says_the_same_has_one_text(one: str, other: str) -> None:
    assert canonical_document(one) == canonical_document(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.1", "0.10000000000000001"),
        ("9007199254740992.0", "9007199254740993.0"),
        ("18446744073709551616", "18446744073709551617"),
        ("1e400", "1e401"),
        ('"1"', "1"),
        ("[1.5]", '["15E-1"]'),
        ("null", '"null"'),
        ('{"a": [1.5, 2]}', '{"a": [2, 1.5]}'),
        ('{"a": {}}', '{"a": []}'),
    ],
)
def test_what_differs_in_the_last_digit_or_in_its_kind_differs(one: str, other: str) -> None:
    assert canonical_document(one) != canonical_document(other)


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1.5, Infinity]", "{'a': 1.5}", '["\\ud800", 1.5]', "[" * 5000 + "1.5"]
)
def test_what_is_no_json_stays_as_it_is(text: str) -> None:
    assert canonical_document(text) == text


def test_bytes_and_parsed_values_are_documents_too() -> None:
    assert canonical_document(b'{"b": 1.5, "a": null}') == canonical_document({"b": 1.5, "a": None})
    assert canonical_document(None) is None


@given(DOCUMENTS)
def test_documents_are_equal_exactly_when_their_values_are(document: Any) -> None:
    text = canonical_document(_json(document))
    assert text is not None
    assert canonical_document(text) == text
    again = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert again == json.loads(_json(document), parse_float=Decimal, parse_int=Decimal)


def _json(value: Any) -> str:
    """JSON as others write it: with spaces, keys as they come, and numbers as they are."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} : {_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else json.dumps(value)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=5)
_FLAT = st.dictionaries(st.text("aB_.-!0 ", min_size=1, max_size=3), _TEXTS, max_size=4)
_ANY = st.recursive(st.none() | st.integers() | _TEXTS, lambda v: st.lists(v, max_size=2) | st.dictionaries(_TEXTS, v))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | (_FLAT | _ANY).map(lambda v: json.dumps(v, ensure_ascii=False, separators=(",", ":")))))
def test_a_column_of_documents_is_written_as_each_of_them_is(texts: list[str | None]) -> None:
    column = canonical_documents(pl.Series("d", texts, pl.String))
    assert column.to_list() == [canonical_document(t) for t in texts]
    assert (column.name, column.dtype) == ("d", pl.String)


def test_a_column_of_other_values_is_written_too() -> None:
    column = pl.Series("d", [{"b": 1, "a": 2}, None])
    assert canonical_documents(column).to_list() == ['{"a":2,"b":1}', None]
