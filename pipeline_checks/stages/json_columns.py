"""Many JSON objects at once, as columns. What is not plainly an object of the expected fields is left to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.logical_type import LogicalType

if TYPE_CHECKING:
    import pyarrow

_PLAIN = {"string": "string", "int8": "int64", "int16": "int64", "int32": "int64", "int64": "int64"}
_PLAIN |= {"float64": "double", "bool": "bool"}
"""Logical types whose values JSON holds as they are, with Arrow's name for what is read."""
_LEAST = 64
"""So few objects, one of which is not as expected, are not looked at together any more."""
_BLOCK = 8 << 20
_FIRST_PRINTABLE = 0x20


@dataclass(frozen=True)
class Decoded:
    """Objects as columns: ``places`` are those of them among the values given, ``others`` those left out.

    ``has_null`` says that the word null stands somewhere: NULL need not be a field that is absent.
    """

    table: pyarrow.Table
    places: Sequence[int]
    others: Sequence[int]
    has_null: bool


def is_plain(columns: Mapping[str, LogicalType]) -> bool:
    """Whether values of all columns can be read at once."""
    return bool(columns) and all(type_.name in _PLAIN for type_ in columns.values())


def decode(values: Sequence[bytes | None], columns: Mapping[str, LogicalType], *, only: bool) -> Decoded:
    """Return the objects among some values whose fields have the types of the columns.

    ``only``: an object with another field is left out; otherwise that field is.
    """
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(_PLAIN[type_.name])) for name, type_ in columns.items()])
    looked_at = [i for i, v in enumerate(values) if v is not None and v[:1] == b"{" and v[-1:] == b"}"]
    parts: list[tuple[pa.Table, Sequence[int]]] = []
    has_null = False

    def read(places: Sequence[int]) -> None:
        nonlocal has_null
        if not places:
            return
        found, null = _read([values[i] for i in places], schema, only)
        if found is not None:
            parts.append((found, places))
            has_null |= null
        elif len(places) > _LEAST:
            middle = len(places) // 2
            read(places[:middle])
            read(places[middle:])

    read(looked_at)
    told = [i for _, places in parts for i in places]
    table = pa.concat_tables([t for t, _ in parts]) if parts else schema.empty_table()
    rest = set(range(len(values))).difference(told) if len(told) < len(values) else ()
    return Decoded(table, told, sorted(rest), has_null)


def _read(values: Sequence[Any], schema: pyarrow.Schema, only: bool) -> tuple[pyarrow.Table | None, bool]:
    """Return the objects, one a line; None when one of them is not as expected."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import json

    text = b"\n".join(values)
    if int((np.frombuffer(text, np.uint8) < _FIRST_PRINTABLE).sum()) != len(values) - 1:
        return None, False  # a line break or a control character within a value
    if not text.isascii():
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return None, False
    try:
        table = json.read_json(
            pa.BufferReader(text),
            json.ReadOptions(use_threads=True, block_size=_BLOCK),
            json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error" if only else "ignore"),
        )
    except pa.ArrowException:
        return None, False
    if table.num_rows != len(values):
        return None, False
    return table.select(schema.names), b"null" in text
