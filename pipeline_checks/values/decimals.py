"""Texts made into decimals exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

_DIGITS_THAT_WRAP = 30
"""Digits of a type from which on Arrow's own cast turns a text that is too large into another number."""


def decimals_of(texts: pyarrow.Array, type_: pyarrow.DataType) -> pyarrow.Array:
    """Return texts as decimals of a type; raises ArrowInvalid for one that it has no place for, and for NaN."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if type_.precision >= _DIGITS_THAT_WRAP:
        before_the_point = type_.precision - type_.scale
        too_large = compute.match_substring_regex(texts, rf"^[-+]?\d{{{before_the_point + 1}}}|[eE]")
        if compute.any(too_large).as_py():
            values = [None if t is None else Decimal(t) for t in texts.to_pylist()]
            for value in values:
                if value is not None and value and value.adjusted() >= before_the_point:
                    raise pa.ArrowInvalid(f"too large for {type_}: {value}")
            return pa.array(values, type_)
    return texts.cast(type_)
