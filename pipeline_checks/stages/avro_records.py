"""Records in Avro with the id of their schema before them, as events that each add a row.

The value of a record is a byte 0, the schema's id in four bytes, and the encoded row (Confluent's wire format).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model import events
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema
from pipeline_checks.stages.avro_schema import AvroField, fields_of, reported_schema
from pipeline_checks.stages.avro_single import HEAD, as_columns, read_one
from pipeline_checks.stages.connect_schema import ConnectField
from pipeline_checks.stages.event_batch import EventGroup, EventTable, Malformed, event_schema
from pipeline_checks.stages.event_values import convert
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from confluent_kafka import Message
    from numpy.typing import NDArray

    from pipeline_checks.stages.schema_registry import SchemaRegistry

_CHUNK = 65_536
"""Records decoded side by side."""


class AvroRecords:
    """Decodes records, many at once; what does not fit is malformed, with its partition and offset.

    Parameters
    ----------
    subject:
        The registry's name of the topic's schemas; its newest schema is the topic's.
    received:
        The column that tells when the row was received from its source, where there is one.
    """

    def __init__(self, contract: Contract, registry: SchemaRegistry, subject: str, received: str | None = None) -> None:
        self._contract = contract
        self._registry = registry
        self._subject = subject
        self._received = received
        self.newest: tuple[ConnectField, ...] = ()
        self.newest_image: Mapping[str, Any] | None = None
        self.key_fields: tuple[ConnectField, ...] = ()
        self.old_keys: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._fresh()
        self._parsed: dict[int, tuple[Any, tuple[AvroField, ...]] | str] = {}

    def add(self, messages: Iterable[Message]) -> None:
        """Keep records until they are decoded."""
        for message in messages:
            self.add_record(message.partition() or 0, message.offset() or 0, message.value(), message.timestamp()[1])

    def add_record(self, partition: int, offset: int, value: bytes | None, append_ms: int) -> None:
        """Keep one record."""
        self._partitions.append(partition)
        self._offsets.append(offset)
        self._values.append(value)
        self._appended.append(append_ms)

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Forget what was kept; ``table`` is what decodes it."""
        self._fresh()
        return [], []

    def schema(self) -> Schema | None:
        """Return the columns of the subject's newest schema; None when the registry has none."""
        found = self._registry.newest(self._subject)
        return None if found is None else reported_schema(found, self._contract)

    def columns(self) -> dict[str, LogicalType]:
        """Return the columns of the subject's newest schema by name, for a contract that promises none."""
        found = self.schema()
        return {} if found is None else {f.name: f.type for f in found.fields}

    def table(self, columns: Mapping[str, LogicalType], key: Sequence[str]) -> EventTable:
        """Return what has been kept since the last call, in order of partition and offset.

        Raises as the registry does when it does not answer: then nothing is known of the records.
        """
        import numpy as np
        import pyarrow as pa

        schema = event_schema(columns)
        result = EventTable(schema.empty_table())
        partitions = np.array(self._partitions, np.int32)
        offsets, appended = np.array(self._offsets, np.int64), np.array(self._appended, np.int64)
        parts = []
        for start in range(0, len(self._values), _CHUNK):
            piece = slice(start, start + _CHUNK)
            places = (partitions[piece], offsets[piece], appended[piece])
            parts += self._decoded(self._values[piece], places, columns, key, result)
        self._fresh()
        if parts:
            order = [(events.PARTITION, "ascending"), (events.OFFSET, "ascending")]
            result.table = pa.concat_tables(parts).sort_by(order).combine_chunks()
        return result

    def _fresh(self) -> None:
        self._partitions: list[int] = []
        self._offsets: list[int] = []
        self._values: list[bytes | None] = []
        self._appended: list[int] = []

    def _decoded(
        self,
        values: Sequence[bytes | None],
        places: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]],
        columns: Mapping[str, LogicalType],
        key: Sequence[str],
        result: EventTable,
    ) -> list[pyarrow.Table]:
        import numpy as np

        lengths = np.fromiter((0 if v is None else len(v) for v in values), np.int64, len(values))
        buffer = np.frombuffer(b"".join(v for v in values if v) + b"\0" * 16, np.uint8)
        begin = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        is_null = np.fromiter((v is None for v in values), np.bool_, len(values))
        has_head = (lengths >= HEAD) & (buffer[begin] == 0)
        head = buffer[np.minimum(begin[:, None] + np.arange(1, HEAD), len(buffer) - 1)].astype(np.int64)
        ids = np.where(has_head, (head << np.array([24, 16, 8, 0])).sum(axis=1), -1)
        made = [self._beside(places, is_null, events.TOMBSTONE, columns)]
        for number in np.unique(ids[~is_null]).tolist():
            chosen = ~is_null & (ids == number)
            known = self._known(number)
            if isinstance(known, str):
                self._refuse(np.flatnonzero(chosen), places, lengths, known, result)
                made.append(self._beside(places, chosen, events.MALFORMED, columns))
                continue
            spans = (buffer, begin + HEAD, begin + lengths)
            made += self._of_schema(known, chosen, spans, values, places, columns, key, result)
        return [table for table in made if table.num_rows]

    def _known(self, number: int) -> tuple[Any, tuple[AvroField, ...]] | str:
        """The schema with an id, parsed; or why records that name it cannot be read."""
        if number < 0:
            return "the value is not a byte 0 and the four bytes of a schema's id before an Avro record"
        if number not in self._parsed:
            from fastavro import parse_schema

            schema = self._registry.by_id(number)
            if schema is None:
                return f"the registry has no schema {number}"
            try:
                self._parsed[number] = (parse_schema(schema), fields_of(schema))
            except Exception as problem:  # the library tells of a schema that it does not take in many ways
                self._parsed[number] = f"schema {number} cannot be used: {str(problem)[:160]}"
        return self._parsed[number]

    def _of_schema(
        self,
        known: tuple[Any, tuple[AvroField, ...]],
        chosen: NDArray[np.bool_],
        spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
        values: Sequence[bytes | None],
        places: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]],
        columns: Mapping[str, LogicalType],
        key: Sequence[str],
        result: EventTable,
    ) -> list[pyarrow.Table]:
        import numpy as np

        from pipeline_checks.stages.avro_columns import NotVectorised, decode
        from pipeline_checks.stages.avro_cursor import AvroCursor

        schema, fields = known
        buffer, begin, end = spans
        cursor = AvroCursor(buffer, begin[chosen].copy(), end[chosen].copy())
        try:
            decoded: Mapping[str, pyarrow.Array] = decode(cursor, fields)
        except NotVectorised:
            cursor.bad[:] = True
            decoded = {}
        rows = np.flatnonzero(chosen)
        good = np.zeros(len(chosen), np.bool_)
        good[rows[~cursor.bad]] = True
        made = []
        if good.any():
            keep = np.flatnonzero(~cursor.bad)
            kept = decoded if len(keep) == len(rows) else {n: a.take(keep) for n, a in decoded.items()}
            made.append(self._rows(kept, good, places, columns, key, result))
        single = [(int(i), read_one(values[int(i)] or b"", schema)) for i in rows[cursor.bad]]
        wrong = [(i, told) for i, told in single if isinstance(told, str)]
        for i, told in wrong:
            lengths = np.array([len(v or b"") for v in values])
            self._refuse(np.array([i]), places, lengths, told, result)
        broken = np.zeros(len(chosen), np.bool_)
        broken[[i for i, _ in wrong]] = True
        made.append(self._beside(places, broken, events.MALFORMED, columns))
        images = [(i, told) for i, told in single if not isinstance(told, str)]
        if images:
            rest = np.zeros(len(chosen), np.bool_)
            rest[[i for i, _ in images]] = True
            made.append(self._rows(as_columns(images, fields), rest, places, columns, key, result))
        return made

    def _rows(
        self,
        decoded: Mapping[str, pyarrow.Array],
        chosen: NDArray[np.bool_],
        places: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]],
        columns: Mapping[str, LogicalType],
        key: Sequence[str],
        result: EventTable,
    ) -> pyarrow.Table:
        """The rows that were decoded, in the promised types; one without its key is malformed."""
        import numpy as np
        import pyarrow as pa
        from pyarrow import compute

        number = int(chosen.sum())
        typed = {n: _typed(decoded.get(n), t, number) for n, t in columns.items()}
        for name, (_, unfit) in typed.items():
            at = [(int(places[0][chosen][i]), int(places[1][chosen][i])) for i in unfit]
            if at:
                result.unconvertible.setdefault(name, []).extend(at)
        table = self._beside(places, chosen, events.CREATE, columns)
        for name, (array, _) in typed.items():
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), array)
        for name, source in ((events.COMMIT_TIME, self._contract.event_time), (events.CONNECTOR_TIME, self._received)):
            if source is not None and source in typed and pa.types.is_timestamp(typed[source][0].type):
                instants = compute.cast(typed[source][0], pa.timestamp("us", "UTC"), safe=False)
                table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), instants)
        keyless = np.zeros(number, np.bool_)
        for name in (k for k in key if k in typed):
            keyless |= typed[name][0].is_null().to_numpy(zero_copy_only=False)
        if not keyless.any():
            return table
        whole = np.flatnonzero(chosen)[keyless]
        lengths = np.zeros(len(chosen), np.int64)
        self._refuse(whole, places, lengths, "a column of the key is missing", result)
        wrong = np.zeros(len(chosen), np.bool_)
        wrong[whole] = True
        refused = self._beside(places, wrong, events.MALFORMED, columns)
        return pa.concat_tables([table.filter(pa.array(~keyless)), refused])

    @staticmethod
    def _refuse(
        which: NDArray[np.int64],
        places: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]],
        lengths: NDArray[np.int64],
        why: str,
        result: EventTable,
    ) -> None:
        for i in which.tolist():
            result.malformed.append(Malformed(int(places[0][i]), int(places[1][i]), int(lengths[i]), why))

    @staticmethod
    def _beside(
        places: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]],
        chosen: NDArray[np.bool_],
        op: str,
        columns: Mapping[str, LogicalType],
    ) -> pyarrow.Table:
        """What is known of some records beside their rows, which stand as NULL."""
        import pyarrow as pa

        schema = event_schema(columns)
        number = int(chosen.sum())
        partition, offset, appended = (p[chosen] for p in places)
        told: dict[str, pyarrow.Array] = {
            events.PARTITION: pa.array(partition, pa.int32()),
            events.OFFSET: pa.array(offset, pa.int64()),
            events.OP: pa.repeat(pa.scalar(op, pa.string()), number),
            events.SNAPSHOT: pa.repeat(pa.scalar(False), number),
            events.APPEND_TIME: pa.array(appended * 1000, pa.int64()).cast(pa.timestamp("us", "UTC")),
        }
        arrays = [told[f.name] if f.name in told else pa.nulls(number, f.type) for f in schema]
        return pa.Table.from_arrays(arrays, schema=schema)


def _typed(array: pyarrow.Array | None, type_: LogicalType, number: int) -> tuple[pyarrow.Array, tuple[int, ...]]:
    """A column in its promised type, and the places of the values that have no place in it."""
    import pyarrow as pa

    target = to_arrow(type_)
    if array is None:
        return pa.nulls(number, target), ()
    if array.type == target:
        return array, ()
    try:
        return array.cast(target), ()
    except pa.ArrowException:
        converted = convert(array.to_pylist(), type_, None)
        return converted.array, converted.unconvertible
