"""Columns of Avro records, decoded for many records at once.

What is rare (a filled array, a text of a map that JSON has to escape, a union of several types) is not decoded here:
its records are marked, and read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute

from pipeline_checks.stages.avro_cursor import AvroCursor
from pipeline_checks.stages.avro_schema import AvroField, AvroType
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_ENTRIES = 64
"""Entries of a map that are decoded side by side."""
_ESCAPED = r'["\\\x00-\x1f]'
_INT = 2**31


class NotVectorised(Exception):
    """A field that is not decoded for many records at once."""


def decode(cursor: AvroCursor, fields: Sequence[AvroField]) -> dict[str, pa.Array]:
    """Return a column for each field. Records that could not be decoded are bad in the cursor, all else is exact.

    Raises NotVectorised when a field is of a type that is only read record by record.
    """
    columns = {field.name: _field(cursor, field) for field in fields}
    cursor.refuse(cursor.at != cursor.end)
    return columns


def _field(cursor: AvroCursor, field: AvroField) -> pa.Array:
    if not field.is_union:
        (only,) = field.branches
        return _nulls(cursor, to_arrow(field.type)) if only is None else _value(cursor, only)
    held = [b for b in field.branches if b is not None]
    if len(held) != 1:
        raise NotVectorised(field.name)
    branch = cursor.longs()
    cursor.refuse((branch < 0) | (branch >= len(field.branches)))
    filled = ~cursor.bad & (branch == field.branches.index(held[0]))
    if filled.all():
        return _value(cursor, held[0])
    part = cursor.part(filled)
    values = _value(part, held[0])
    cursor.join(filled, part)
    places = np.cumsum(filled) - 1
    return values.take(pa.array(places, pa.int64(), mask=~filled))


def _nulls(cursor: AvroCursor, type_: pa.DataType) -> pa.Array:
    return pa.nulls(len(cursor.at), type_)


def _value(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    readers: dict[str, Callable[[AvroCursor, AvroType], pa.Array]] = {
        "boolean": _boolean,
        "int": _whole,
        "long": _whole,
        "float": _floating,
        "double": _floating,
        "string": lambda c, t: c.texts(),
        "bytes": _bytes,
        "fixed": _bytes,
        "enum": _enum,
        "array": _empty_array,
        "map": _map_as_json,
    }
    if type_.kind not in readers:
        raise NotVectorised(type_.kind)
    return readers[type_.kind](cursor, type_)


def _boolean(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    byte = cursor.fixed(1)[:, 0]
    cursor.refuse(byte > 1)
    return pa.array(byte == 1)


def _whole(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    numbers = cursor.longs()
    if type_.kind == "int":
        cursor.refuse((numbers < -_INT) | (numbers >= _INT))
        numbers = np.where(cursor.bad, 0, numbers)
    target = to_arrow(type_.logical)
    if pa.types.is_date32(target) or pa.types.is_time32(target):
        return pa.array(numbers.astype(np.int32)).cast(target)
    return pa.array(numbers).cast(target)


def _floating(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    width, kind = (4, "<f4") if type_.kind == "float" else (8, "<f8")
    return pa.array(np.ascontiguousarray(cursor.fixed(width)).view(kind)[:, 0])


def _bytes(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    lengths = None
    if type_.kind == "fixed":
        lengths = np.full(len(cursor.at), int(type_.written["size"]), np.int64)
    if type_.logical.name != "decimal":
        return cursor.blobs(lengths)
    target = to_arrow(type_.logical)
    if not pa.types.is_decimal128(target):
        raise NotVectorised("decimal")
    high, low = cursor.unscaled(lengths)
    _refuse_digits(cursor, high, low, target.precision)
    pairs = np.empty((len(low), 2), np.uint64)
    pairs[:, 0], pairs[:, 1] = low, high.view(np.uint64)
    return pa.Array.from_buffers(target, len(low), [None, pa.py_buffer(pairs)])


def _refuse_digits(cursor: AvroCursor, high: NDArray[np.int64], low: NDArray[np.uint64], precision: int) -> None:
    """Refuse numbers of more digits than promised; of wide types only those in 64 bits are known to have fewer."""
    signed = low.view(np.int64)
    narrow = high == (signed >> 63)
    if precision <= 18:
        limit = 10**precision
        cursor.refuse(~narrow | (signed >= limit) | (signed <= -limit))
    else:
        cursor.refuse(~narrow)


def _enum(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    symbols = pa.array([str(s) for s in type_.written["symbols"]], pa.string())
    place = cursor.longs()
    cursor.refuse((place < 0) | (place >= len(symbols)))
    return symbols.take(pa.array(np.where(cursor.bad, 0, place)))


def _empty_array(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    cursor.refuse(cursor.longs() != 0)
    return pa.array(np.full(len(cursor.at), "[]", object), pa.string())


def _map_as_json(cursor: AvroCursor, type_: AvroType) -> pa.Array:
    values = type_.written["values"]
    if (values.get("type") if isinstance(values, dict) else values) != "string":
        raise NotVectorised("map")
    count = cursor.longs()
    cursor.refuse((count < 0) | (count > _MOST_ENTRIES))
    count = np.where(cursor.bad, 0, count)
    pieces: list[pa.Array] = [pa.array(np.full(len(count), "{", object), pa.string())]
    for turn in range(int(count.max(initial=0))):
        open_ = ~cursor.bad & (count > turn)
        part = cursor.part(open_)
        names, texts = part.texts(), part.texts()
        for array in (names, texts):
            part.refuse(compute.match_substring_regex(array, _ESCAPED).to_numpy(zero_copy_only=False))
        cursor.join(open_, part)
        entry = compute.binary_join_element_wise('"' if turn == 0 else ',"', names, '":"', texts, '"', "")
        pieces.append(_spread(entry, open_))
    # A map with entries ends with a block of none; one without is that block.
    ended = cursor.part(count > 0)
    ended.refuse(ended.longs() != 0)
    cursor.join(count > 0, ended)
    return compute.binary_join_element_wise(*pieces, "}", "", null_handling="skip")


def _spread(values: pa.Array, chosen: NDArray[np.bool_]) -> pa.Array:
    """Return the values at the chosen places, and NULL at the others."""
    if chosen.all():
        return values
    return values.take(pa.array(np.cumsum(chosen) - 1, pa.int64(), mask=~chosen))
