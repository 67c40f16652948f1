"""Rows of a Postgres table as Arrow batches, over COPY in CSV: parsed in native code, NULL and '' kept apart."""

from __future__ import annotations

import binascii
import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline_checks.clients.postgres import translated
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks.values.arrow_types import UNLIMITED_DECIMAL, to_arrow
from pipeline_checks.values.decimals import decimals_of

if TYPE_CHECKING:
    import psycopg
    import pyarrow
    from psycopg.sql import Composed

BLOCK_BYTES = 4 << 20
_ROWS_OF_A_BLOCK = 4
"""How many rows find place in a block that is made larger for a long one."""
_CSV_COLUMN = re.compile(r"CSV column #(\d+)")


def read_rows(
    snapshot: Snapshot, copy: Composed, columns: Sequence[PostgresColumn], what: str
) -> pyarrow.RecordBatchReader:
    """Return the rows that ``copy`` writes, as a stream with the columns' logical types.

    A connection of its own is open while the stream is read. Raises TerminalError naming the column when a value has no
    place in its Arrow type (NaN in a decimal, a timestamp of infinity), or the column's values are handed out in no
    form that other systems have too.
    """
    import pyarrow as pa

    for column in columns:
        if column.refusal:
            raise TerminalError(
                f"{what}: column {column.name!r} cannot be compared: {column.refusal}.",
                next_step="Leave it out of the contract's columns, or name it under `ignore`.",
            )
    schema = pa.schema([pa.field(c.name, to_arrow(c.type), c.nullable) for c in columns])
    return pa.RecordBatchReader.from_batches(schema, _batches(snapshot, copy, columns, schema, what))


def _batches(
    snapshot: Snapshot, copy: Composed, columns: Sequence[PostgresColumn], schema: pyarrow.Schema, what: str
) -> Iterator[pyarrow.RecordBatch]:
    with translated(what), snapshot.another() as connection, connection.cursor().copy(copy) as source:
        stream = _CopyStream(source)
        try:
            while stream.begins_again():
                yield from _parsed(stream, columns, schema, what)
        finally:
            stream.end()


def _parsed(
    stream: _CopyStream, columns: Sequence[PostgresColumn], schema: pyarrow.Schema, what: str
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    numbers = [str(i) for i in range(len(columns))]  # names in the file: those of the table need not be unique in CSV
    written = [_written_type(field.type) for field in schema]
    reader, is_read = None, False
    try:
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(column_names=numbers, block_size=stream.block_bytes, use_threads=False),
            # A row whose only column is NULL is an empty line.
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict(zip(numbers, written, strict=True)),
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        for batch in reader:
            arrays = [
                _from_written(a, f.type, column, what)
                for a, f, column in zip(batch.columns, schema, columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        is_read = True
    except pa.ArrowInvalid as problem:
        stream.raise_failure()
        found = _CSV_COLUMN.search(str(problem))
        raise _unreadable(what, problem, columns[int(found.group(1))] if found else None) from None
    finally:
        if not is_read:
            stream.end()
            _drain(reader)
    stream.raise_failure()


def _drain(reader: pyarrow.csv.CSVStreamingReader | None) -> None:
    """Read a reader to its end: given back while its thread reads ahead, it can keep the process from ending."""
    import pyarrow as pa

    with suppress(pa.ArrowInvalid):
        for _ in reader or ():
            pass


def _written_type(type_: pyarrow.DataType) -> pyarrow.DataType:
    """The Arrow type that the CSV reader makes of a column.

    Instants come without zone, bytes as hexadecimal digits; decimals without limits are read as text, as the reader
    would make another number of one that is too large.
    """
    import pyarrow as pa

    if pa.types.is_timestamp(type_):
        return pa.timestamp(type_.unit)
    if pa.types.is_binary(type_) or _is_unlimited(type_):
        return pa.string()
    return type_


def _is_unlimited(type_: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_decimal(type_) and (type_.precision, type_.scale) == UNLIMITED_DECIMAL)


def _from_written(array: pyarrow.Array, type_: pyarrow.DataType, column: PostgresColumn, what: str) -> pyarrow.Array:
    import pyarrow as pa

    if pa.types.is_binary(type_):
        return pa.array([None if v is None else binascii.unhexlify(v) for v in array.to_pylist()], type_)
    if _is_unlimited(type_):
        try:
            return decimals_of(array, type_)
        except pa.ArrowInvalid as problem:
            raise _unreadable(what, problem, column) from None
    return array if array.type == type_ else array.cast(type_)


def _unreadable(what: str, problem: Exception, column: PostgresColumn | None) -> TerminalError:
    named = f" in column {column.name!r}" if column else ""
    value = str(problem).rpartition(": ")[2][:100]
    return TerminalError(f"{what}: a value{named} has no place in its Arrow type: {value}.")


class _CopyStream(io.RawIOBase):
    """The bytes of a COPY as files, one after the other. Arrow reads them ahead in a thread of its own.

    A file ends before a row that is longer than its blocks may be; the next one has blocks for such rows.
    """

    def __init__(self, source: psycopg.Copy) -> None:
        self._source = source
        self._reading = threading.Lock()
        self._ended = False
        self._failure: Exception | None = None
        self._rest = b""
        self._next = bytes(source.read())
        """The first row of the next file."""
        self.block_bytes = BLOCK_BYTES

    def readable(self) -> bool:
        return True

    def begins_again(self) -> bool:
        """Begin the next file; return False when there is none."""
        with self._reading:
            self._rest, self._next = self._next, b""
            self.block_bytes = max(self.block_bytes, _ROWS_OF_A_BLOCK * len(self._rest))
            return bool(self._rest)

    def read(self, size: int = -1) -> bytes:
        with self._reading:
            parts, held = [self._rest], len(self._rest)
            while not self._ended and not self._next and (size < 0 or held < size):
                row = self._row()
                if not row:
                    self._ended = True
                elif len(row) > self.block_bytes:
                    self._next = row
                else:
                    parts.append(row)
                    held += len(row)
            everything = b"".join(parts)
            wanted = len(everything) if size < 0 else size
            self._rest = everything[wanted:]
            return everything[:wanted]

    def _row(self) -> bytes:
        """The next row. A failure is kept: raised here, in Arrow's thread, it could keep the process from ending."""
        try:
            return bytes(self._source.read())
        except Exception as problem:
            self._failure = problem
            return b""

    def raise_failure(self) -> None:
        """Raise what kept the rows from being read to their end, if anything did."""
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Read no more: the connection is then free to be closed, by a thread that may be another than the reader's."""
        self._ended = True
        with self._reading:
            self._rest = self._next = b""
