"""Avro records read one by one: those that are not decoded side by side, and those that cannot be read at all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.stages.avro_schema import AvroField
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import pyarrow

HEAD: Final = 5
"""Bytes before a record: a 0, and the id of its schema."""


def read_one(value: bytes, schema: Any) -> dict[str, Any] | str:
    """Return the row of one record, or why it cannot be read."""
    from fastavro import schemaless_reader

    stream = io.BytesIO(value[HEAD:])
    try:
        row = schemaless_reader(stream, schema, None)
    except Exception as problem:  # the library meets broken bytes with errors of many kinds
        text = str(problem).splitlines()[0][:160] if str(problem) else type(problem).__name__
        return f"the bytes are no record of the schema: {text}"
    left = len(value) - HEAD - stream.tell()
    if left:
        return f"{left} bytes are left behind the record"
    return row if isinstance(row, dict) else "the value is not a record"


def as_columns(images: Sequence[tuple[int, dict[str, Any]]], fields: Sequence[AvroField]) -> dict[str, pyarrow.Array]:
    """Rows that were read one by one, as columns; nested values as JSON text."""
    import orjson
    import pyarrow as pa

    def plain(value: Any) -> Any:
        return orjson.dumps(value, default=str).decode() if isinstance(value, list | dict) else value

    found = {}
    for field in fields:
        values = [plain(row.get(field.name)) for _, row in images]
        target = to_arrow(field.type)
        found[field.name] = pa.array(values, target) if field.type.name != "json" else pa.array(values)
    return found
