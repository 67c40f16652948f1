"""JSON documents in one form: keys in order, numbers by their exact value, no space between."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import polars

_LONG_NUMBER = re.compile(r"[0-9][.eE]|-0|[0-9]{16}")
"""What a number looks like that a double or 64 bits may not hold exactly, or that can be written in several ways."""
_MOST_ZEROS = 18
_ENTRY = r'"[A-Za-z0-9_.-]+":"[^"\\\x00-\x1f]*"'
_FLAT_TEXTS = rf"^\{{{_ENTRY}(?:,{_ENTRY})*\}}$"
"""An object of plain texts without a space between: its canonical form is its entries in order, as they are written.

The characters of the keys are all greater than the quote that ends one, so that entries are ordered as their keys are.
"""


def canonical_documents(documents: polars.Series) -> polars.Series:
    """Return each document of a column as ``canonical_document`` writes it: flat ones all at once, others each once."""
    import polars as pl

    if documents.dtype != pl.String:
        return pl.Series(documents.name, [canonical_document(v) for v in documents.to_list()], pl.String)
    others = (~documents.str.contains(_FLAT_TEXTS).fill_null(True)).arg_true()
    inside = documents.str.strip_prefix("{").str.strip_suffix("}")
    entries = inside.str.strip_prefix('"').str.strip_suffix('"').str.split('","').list.sort().list.join('","')
    written = '{"' + entries + '"}'
    if len(others):
        rest = documents.gather(others)
        once = rest.unique()
        told = pl.Series([canonical_document(v) for v in once.to_list()], dtype=pl.String)
        written = written.scatter(others, rest.replace_strict(once, told, return_dtype=pl.String))
    return written.alias(documents.name)


def canonical_document(value: Any) -> str | None:
    """Return a document as text; documents with the same content have the same text. What is no JSON stays as it is.

    A value that is no text is taken for a document that was parsed already.

    >>> canonical_document('{"b": 1.50, "a": [1e1, 0.30000000000000001]}')
    '{"a":[10,30000000000000001E-17],"b":15E-1}'
    """
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    try:
        if _LONG_NUMBER.search(text) is None:
            return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS).decode()
        return _written(json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse))
    except (ValueError, TypeError, RecursionError):
        return text


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(k)}:{_written(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return _number(value) if isinstance(value, Decimal) else orjson.dumps(value).decode()


def _number(value: Decimal) -> str:
    """The digits without zeros at the end, and a power of ten where one is left."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # JSON has no NaN
    shown = "".join(map(str, digits)).lstrip("0")
    kept = shown.rstrip("0")
    if not kept:
        return "0"
    power = exponent + len(shown) - len(kept)
    ending = "0" * power if 0 <= power <= _MOST_ZEROS else f"E{power}"
    return f"{'-' * sign}{kept}{ending}"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")
