"""What stands beside the value of each record, as columns: its key and the headers that are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import OFFSET, PARTITION, RECORD_KEY
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import pyarrow
    from confluent_kafka import Message

_Headers = Sequence[tuple[str, bytes | None]]


class RecordColumns:
    """Collects key and headers of records; one row a record, whatever its value is.

    Parameters
    ----------
    headers:
        The headers that are columns, with their types. A header is UTF-8 text of a value of its type; one that is
        absent, or is something else, is NULL.
    """

    def __init__(self, headers: Mapping[str, LogicalType]) -> None:
        self.headers = dict(headers)
        self._partition: list[int] = []
        self._offset: list[int] = []
        self._key: list[bytes | None] = []
        self._values: dict[str, list[bytes | None]] = {name: [] for name in headers}

    def add(self, messages: Sequence[Message]) -> None:
        """Take the keys and headers of some records."""
        self._partition += [m.partition() or 0 for m in messages]
        self._offset += [m.offset() or 0 for m in messages]
        self._key += [_bytes(m.key()) for m in messages]
        if not self._values:
            return
        first: Any = next((m.headers() or () for m in messages), ())
        wanted = [(name, _place_of(first, name), values.append) for name, values in self._values.items()]
        for m in messages:  # one by one: lists of the headers of many records would keep the garbage collector busy
            headers: Any = m.headers() or ()
            for name, place, append in wanted:
                if len(headers) > place and headers[place][0] == name:
                    append(headers[place][1])
                else:
                    append(next((v for n, v in headers if n == name), None))

    def take(self) -> pyarrow.Table:
        """Return what was added since the last call, in order of partition and offset."""
        import pyarrow as pa

        columns = {
            PARTITION: pa.array(self._partition, pa.int32()),
            OFFSET: pa.array(self._offset, pa.int64()),
            RECORD_KEY: pa.array(self._key, pa.binary()),
            **{name: typed(self._values[name], type_) for name, type_ in self.headers.items()},
        }
        self._partition, self._offset, self._key = [], [], []
        self._values = {name: [] for name in self.headers}
        return pa.table(columns).sort_by([(PARTITION, "ascending"), (OFFSET, "ascending")])

    def put_beside(self, events: pyarrow.Table) -> pyarrow.Table:
        """Return the events of the same records, in order of partition and offset, with these columns beside theirs.

        Raises TransientError when they are not of the same records.
        """
        own = self.take()
        if not (events.column(PARTITION).equals(own.column(PARTITION)) and events.column(OFFSET).equals(own[OFFSET])):
            raise TransientError("records and their headers were not read together.", next_step="Run the check again.")
        for name in (RECORD_KEY, *self.headers):
            events = events.append_column(name, own.column(name))
        return events


def _place_of(headers: _Headers, name: str) -> int:
    """Where a header stands in a record; mostly all records have theirs in the same order."""
    return next((i for i, (found, _) in enumerate(headers) if found == name), 0)


def typed(values: Sequence[bytes | None], type_: LogicalType) -> pyarrow.Array:
    """Return texts as a column of a type; what is no value of it is NULL."""
    import pyarrow as pa

    target = to_arrow(type_)
    try:
        return _cast(values, target)
    except (pa.ArrowException, ValueError):
        return pa.concat_arrays([_one(value, target) for value in values])


def _one(value: bytes | None, target: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    try:
        return _cast([value], target)
    except (pa.ArrowException, ValueError):
        return pa.nulls(1, target)


def _cast(values: Sequence[bytes | None], target: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    return pa.array(values, pa.binary()).cast(pa.string()).cast(target)


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
