"""Iceberg's types for the Arrow types that the lakes use."""

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
