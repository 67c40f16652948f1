"""Arrow types and Iceberg's, both ways, for the types that the lakes use."""

from __future__ import annotations

import pyarrow as pa
from pyiceberg import types


def iceberg_type(kind: pa.DataType) -> types.PrimitiveType:
    """Return the Iceberg type of a lake column's Arrow type."""
    if pa.types.is_decimal(kind):
        return types.DecimalType(kind.precision, kind.scale)
    if pa.types.is_timestamp(kind):
        return types.TimestampType() if kind.tz is None else types.TimestamptzType()
    plain: dict[pa.DataType, types.PrimitiveType] = {
        pa.int64(): types.LongType(),
        pa.float64(): types.DoubleType(),
        pa.bool_(): types.BooleanType(),
        pa.string(): types.StringType(),
        pa.binary(): types.BinaryType(),
        pa.date32(): types.DateType(),
    }
    return plain[kind]


def plain_arrow(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the narrow forms of text and bytes, and without field metadata."""
    fields = []
    for field in schema:
        kind = field.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        elif pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
            kind = pa.binary()
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)
