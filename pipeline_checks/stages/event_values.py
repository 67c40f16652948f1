"""JSON values of records as Arrow columns of logical types: vectorised, and value by value where one does not fit."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.connect_schema import Encoding
from pipeline_checks.values.arrow_types import to_arrow
from pipeline_checks.values.decimals import decimals_of

if TYPE_CHECKING:
    import pyarrow

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_ENCODED_PER_SECOND = {
    Encoding.MILLISECONDS: 1_000,
    Encoding.MICROSECONDS: 1_000_000,
    Encoding.NANOSECONDS: 1_000_000_000,
}
_NOT_NUMBERS = {"NaN": "nan", "NAN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


@dataclass(frozen=True)
class Converted:
    """A column, and the places of the values that have no place in its type and so stand as NULL."""

    array: pyarrow.Array
    unconvertible: tuple[int, ...] = ()


def convert(values: Sequence[Any], type_: LogicalType, encoding: Encoding | None, scale: int = 0) -> Converted:
    """Return the values as an Arrow array of the logical type.

    ``encoding`` says how the record's schema means them; with None it is told by the type wanted: whole numbers are
    days for a date, and milli-, micro- or nanoseconds by the fraction digits of a time.
    """
    import pyarrow as pa

    target = to_arrow(type_)
    encoding = encoding if encoding is not None else _guess(type_)
    make = _converter(type_, target, encoding, scale)
    try:
        return Converted(make(values))
    except (pa.ArrowException, ValueError, TypeError, OverflowError, ArithmeticError, KeyError, AttributeError):
        pass
    parts, failed = [], []
    for place, value in enumerate(values):
        try:
            parts.append(make([value]))
        except (pa.ArrowException, ValueError, TypeError, OverflowError, ArithmeticError, KeyError, AttributeError):
            parts.append(pa.nulls(1, target))
            failed.append(place)
    return Converted(pa.concat_arrays(parts) if parts else pa.array([], target), tuple(failed))


def _guess(type_: LogicalType) -> Encoding:
    if type_.name == "date":
        return Encoding.DAYS
    if type_.name in ("timestamp", "timestamptz", "time"):
        digits = 6 if type_.precision is None else type_.precision
        if digits <= 3:
            return Encoding.MILLISECONDS
        return Encoding.MICROSECONDS if digits <= 6 else Encoding.NANOSECONDS
    return Encoding.BASE64 if type_.name == "bytes" else Encoding.PLAIN


def _converter(
    type_: LogicalType, target: pyarrow.DataType, encoding: Encoding, scale: int
) -> Callable[[Sequence[Any]], pyarrow.Array]:
    import pyarrow as pa

    def integers(values: Sequence[Any]) -> pyarrow.Array:
        found = pa.array(values)  # with the type told, Arrow would cut fractions off without a word
        if not (pa.types.is_int64(found.type) or pa.types.is_null(found.type)):
            raise TypeError
        return found.cast(target)

    def booleans(values: Sequence[Any]) -> pyarrow.Array:
        return pa.array(values, target)

    def floats(values: Sequence[Any]) -> pyarrow.Array:
        return pa.array([float(_NOT_NUMBERS.get(v, v)) if isinstance(v, str) else v for v in values], target)

    def decimals(values: Sequence[Any]) -> pyarrow.Array:
        if encoding is Encoding.UNSCALED:
            return pa.array([None if v is None else _unscaled(v, scale) for v in values], target)
        if encoding is Encoding.SCALED_STRUCT:
            return pa.array([None if v is None else _unscaled(v["value"], v["scale"]) for v in values], target)
        texts = [v if v is None or isinstance(v, str) else _decimal_text(v) for v in values]
        return decimals_of(pa.array(texts, pa.string()), target)

    def times(values: Sequence[Any]) -> pyarrow.Array:
        if any(isinstance(v, str) for v in values):
            return _from_text(values, target)
        per_second = _ENCODED_PER_SECOND.get(encoding, _PER_SECOND[target.unit])
        numbers = [None if v is None else _whole(v) for v in values]
        wanted = _PER_SECOND[target.unit]
        if wanted != per_second:
            numbers = [None if v is None else _rescale(v, wanted, per_second) for v in numbers]
        width = pa.int32() if pa.types.is_time32(target) else pa.int64()
        return pa.array(numbers, width).cast(target)

    def dates(values: Sequence[Any]) -> pyarrow.Array:
        if any(isinstance(v, str) for v in values):
            return pa.array(values, pa.string()).cast(target)
        return pa.array(values, pa.int32()).cast(target)

    def binary(values: Sequence[Any]) -> pyarrow.Array:
        return pa.array([None if v is None else base64.b64decode(v, validate=True) for v in values], target)

    def text(values: Sequence[Any]) -> pyarrow.Array:
        return pa.array([v if v is None or isinstance(v, str) else _json_text(v) for v in values], target)

    def strict_text(values: Sequence[Any]) -> pyarrow.Array:
        return pa.array(values, pa.string())

    by_name: dict[str, Callable[[Sequence[Any]], pyarrow.Array]] = {
        "decimal": decimals,
        "timestamp": times,
        "timestamptz": times,
        "time": times,
        "date": dates,
        "float32": floats,
        "float64": floats,
        "bytes": binary,
        "string": strict_text,
        "bool": booleans,
    }
    if type_.family == "integer":
        return integers
    return by_name.get(type_.name, text)


def _from_text(values: Sequence[Any], target: pyarrow.DataType) -> pyarrow.Array:
    """ISO texts; a zone is required for instants and must be absent otherwise, as Arrow has it."""
    import pyarrow as pa

    return pa.array(values, pa.string()).cast(target)


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError


def _rescale(value: int, wanted: int, given: int) -> int:
    if wanted >= given:
        return value * (wanted // given)
    whole, rest = divmod(value, given // wanted)
    if rest:
        raise ValueError("finer than the column's type")
    return whole


def _unscaled(value: str, scale: int) -> Decimal:
    number = int.from_bytes(base64.b64decode(value, validate=True), "big", signed=True)
    return Decimal(f"{number}E{-int(scale)}")  # by its text, as arithmetic would round to the context's precision


def _decimal_text(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError
    return format(Decimal(repr(value)), "f")


def _json_text(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()
