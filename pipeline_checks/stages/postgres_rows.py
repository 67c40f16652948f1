"""Rows of a Postgres table as Arrow batches, over COPY in CSV: parsed in native code, NULL and '' kept apart."""

from __future__ import annotations

import binascii
import io
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline_checks.clients.postgres import translated
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import psycopg
    import pyarrow
    from psycopg.sql import Composed

BLOCK_BYTES = 4 << 20
_CSV_COLUMN = re.compile(r"CSV column #(\d+)")


def read_rows(
    snapshot: Snapshot, copy: Composed, columns: Sequence[PostgresColumn], what: str
) -> pyarrow.RecordBatchReader:
    """Return the rows that ``copy`` writes, as a stream with the columns' logical types.

    A connection of its own is open while the stream is read. Raises TerminalError naming the column when a value has no
    place in its Arrow type (NaN in a decimal, a timestamp of infinity).
    """
    import pyarrow as pa

    schema = pa.schema([pa.field(c.name, to_arrow(c.type), c.nullable) for c in columns])
    return pa.RecordBatchReader.from_batches(schema, _batches(snapshot, copy, columns, schema, what))


def _batches(
    snapshot: Snapshot, copy: Composed, columns: Sequence[PostgresColumn], schema: pyarrow.Schema, what: str
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    numbers = [str(i) for i in range(len(columns))]  # names in the file: those of the table need not be unique in CSV
    written = [_written_type(field.type) for field in schema]
    convert = csv.ConvertOptions(
        column_types=dict(zip(numbers, written, strict=True)),
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        check_utf8=False,
    )
    with translated(what), snapshot.another() as connection, connection.cursor().copy(copy) as source:
        stream = _CopyStream(source)
        if stream.is_empty:
            return
        try:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(column_names=numbers, block_size=BLOCK_BYTES, use_threads=False),
                # A row whose only column is NULL is an empty line.
                parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=convert,
            )
            for batch in reader:
                arrays = [_from_written(a, f.type) for a, f in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except pa.ArrowInvalid as problem:
            raise _unreadable(what, problem, columns) from None
        finally:
            stream.end()


def _written_type(type_: pyarrow.DataType) -> pyarrow.DataType:
    """The Arrow type that the CSV reader makes of a column: instants come without zone, bytes as hexadecimal digits."""
    import pyarrow as pa

    if pa.types.is_timestamp(type_):
        return pa.timestamp(type_.unit)
    return pa.string() if pa.types.is_binary(type_) else type_


def _from_written(array: pyarrow.Array, type_: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    if pa.types.is_binary(type_):
        return pa.array([None if v is None else binascii.unhexlify(v) for v in array.to_pylist()], type_)
    return array if array.type == type_ else array.cast(type_)


def _unreadable(what: str, problem: Exception, columns: Sequence[PostgresColumn]) -> TerminalError:
    found = _CSV_COLUMN.search(str(problem))
    named = f" in column {columns[int(found.group(1))].name!r}" if found else ""
    value = str(problem).rpartition(": ")[2][:100]
    return TerminalError(f"{what}: a value{named} has no place in its Arrow type: {value}.")


class _CopyStream(io.RawIOBase):
    """The bytes of a COPY as a file. Arrow reads it ahead in a thread of its own."""

    def __init__(self, source: psycopg.Copy) -> None:
        self._source = source
        self._reading = threading.Lock()
        self._ended = False
        self._rest = bytes(source.read())
        self.is_empty = not self._rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._reading:
            parts, held = [self._rest], len(self._rest)
            while not self._ended and (size < 0 or held < size):
                row = self._source.read()
                if not row:
                    break
                parts.append(bytes(row))
                held += len(row)
            everything = b"".join(parts)
            wanted = len(everything) if size < 0 else size
            self._rest = everything[wanted:]
            return everything[:wanted]

    def end(self) -> None:
        """Read no more: the connection is then free to be closed, by a thread that may be another than the reader's."""
        self._ended = True
        with self._reading:
            self._rest = b""
