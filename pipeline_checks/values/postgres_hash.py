"""Postgres's own hash of a row (``hash_record_extended(row, 0)``), computed over Arrow columns.

It lets two sides be compared by sums of hashes that each computes where its data is. The functions are those of
PostgreSQL's ``src/common/hashfn.c`` (Bob Jenkins's lookup3), ``hashfunc.c``, ``numeric.c`` and ``rowtypes.c`` on a
little-endian machine; they are no promise of Postgres from version to version, so whoever uses them must first prove on
the server at hand that both agree. ``hash_numeric`` knows no sign: the sign must stand beside the number in the row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_checks.values.postgres_hash_loops import (
    add_booleans,
    add_decimals,
    add_floats,
    add_integers,
    add_texts,
    add_to_buckets,
    negative,
)

POSTGRES_EPOCH_DAYS = 10957
"""Days from 1970-01-01 to 2000-01-01."""
POSTGRES_EPOCH_MICROSECONDS = POSTGRES_EPOCH_DAYS * 86_400_000_000
MOST_DIGITS, GREATEST_SCALE = 18, 16
"""Decimals beyond are not hashed here."""

Hashes = npt.NDArray[np.uint64]


def can_be_hashed(type_: pa.DataType) -> bool:
    """Whether values of an Arrow type can be hashed as Postgres hashes its own."""
    types = pa.types
    if types.is_decimal128(type_):
        return bool(type_.precision <= MOST_DIGITS and 0 <= type_.scale <= GREATEST_SCALE)
    if types.is_timestamp(type_):
        return bool(type_.unit == "us")
    return bool(
        types.is_signed_integer(type_)
        or types.is_boolean(type_)
        or types.is_date32(type_)
        or types.is_floating(type_)
        or _is_text(type_)
    )


def row_hashes(columns: list[pa.Array]) -> Hashes:
    """Return the hash of each row of some columns of equal length; a decimal stands for itself and its sign.

    Raises TypeError for a type that ``can_be_hashed`` refuses.
    """
    rows = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        _add(rows, column)
    return rows


def _add(rows: Hashes, column: pa.Array) -> None:
    types, type_ = pa.types, column.type
    if not can_be_hashed(type_):
        raise TypeError(f"values of {type_} are not hashed as Postgres does")
    valid = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else np.empty(0, np.bool_)
    count = len(column)
    if _is_text(type_):
        plain = column.cast(pa.large_binary()) if not _has_offsets(type_) else column
        wide = types.is_large_string(plain.type) or types.is_large_binary(plain.type)
        _, offsets, data = plain.buffers()
        held = np.frombuffer(offsets, np.int64 if wide else np.int32)[plain.offset : plain.offset + count + 1]
        add_texts(rows, held, np.frombuffer(data or b"", np.uint8), valid)
    elif types.is_boolean(type_):
        add_booleans(rows, column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint8), valid)
    elif types.is_decimal(type_):
        halves = np.frombuffer(column.buffers()[1], np.int64)
        values = halves[0::2][column.offset : column.offset + count]
        add_decimals(rows, values, type_.scale, valid)
        add_booleans(rows, negative(values), valid)
    elif types.is_floating(type_):
        wide_values = column.fill_null(0.0).to_numpy(zero_copy_only=False).astype(np.float64)
        add_floats(rows, wide_values.view(np.uint64), valid)
    elif types.is_timestamp(type_):
        values = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + count]
        add_integers(rows, values - POSTGRES_EPOCH_MICROSECONDS, valid)
    elif types.is_date32(type_):
        days = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + count]
        add_integers(rows, days.astype(np.int64) - POSTGRES_EPOCH_DAYS, valid)
    else:
        values = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
        add_integers(rows, values, valid)


def _is_text(type_: pa.DataType) -> bool:
    return _has_offsets(type_) or pa.types.is_string_view(type_) or pa.types.is_binary_view(type_)


def _has_offsets(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(type_) or types.is_large_string(type_) or types.is_binary(type_) or types.is_large_binary(type_)
    )


__all__ = ["Hashes", "add_to_buckets", "can_be_hashed", "row_hashes"]
