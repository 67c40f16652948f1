"""What all kinds of topics share: the events read so far, kept; the newest position; the topic at a position."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.connect_schema import ConnectField, reported_type
from pipeline_checks.stages.event_batch import EventGroup, EventTable, Malformed, build_table
from pipeline_checks.stages.record_columns import RecordColumns
from pipeline_checks.stages.topic_log import TopicLog
from pipeline_checks.stages.topic_originals import Original, originals
from pipeline_checks.stages.topic_pinned import PinnedTopic
from pipeline_checks.stages.unavailable import Coordinates, fill_unavailable

if TYPE_CHECKING:
    import pyarrow
    from confluent_kafka import Message


class RecordDecoder(Protocol):
    """Makes events of records; one for each format."""

    newest: tuple[ConnectField, ...]
    newest_image: Mapping[str, Any] | None
    key_fields: tuple[ConnectField, ...]
    old_keys: dict[tuple[int, int], Mapping[str, Any]]

    def add(self, messages: Iterable[Message]) -> None:
        """Decode records."""
        ...

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Return what has been decoded since the last call."""
        ...


@runtime_checkable
class TableDecoder(Protocol):
    """A decoder of records that all have one schema, which makes their columns itself."""

    def columns(self) -> dict[str, LogicalType]:
        """Return the columns of the records, for a contract that promises none."""
        ...

    def schema(self) -> Schema | None:
        """Return the columns as the topic's own schema has them; None when there is no such schema."""
        ...

    def table(self, columns: Mapping[str, LogicalType], key: Sequence[str]) -> EventTable:
        """Return the events of all records since the last call, in order of partition and offset."""
        ...


class TopicReader:
    """Asks a topic. Each record is read once; a later position is read on from where the last one ended."""

    def __init__(
        self,
        declaration: StageDeclaration,
        bootstrap: str,
        topic: str,
        decoder: RecordDecoder,
        *,
        tells_replays: bool,
        beside: RecordColumns | None = None,
    ) -> None:
        """``tells_replays``: an event has coordinates in its source, by which a second copy of it is recognised.

        ``beside`` are columns that do not come from the record's value: its key and its headers.
        """
        self.declaration = declaration
        self.decoder = decoder
        self.beside = beside
        self.tells_replays = tells_replays
        self.log = TopicLog(bootstrap, topic)
        self.malformed: list[Malformed] = []
        self.unavailable: dict[str, list[Coordinates]] = {}
        self.unconvertible: dict[str, list[Coordinates]] = {}
        self._table: pyarrow.Table | None = None
        self._columns: dict[str, LogicalType] = {}
        self._read_to: dict[int, int] = {}

    @property
    def contract(self) -> Contract:
        """What is promised of the topic's rows."""
        return self.declaration.contract

    def reached(self) -> Reached:
        """Return the next offset to be written of each partition; ``detail`` has ``low_watermarks`` by partition."""
        low, high = self.log.watermarks()
        if any(high.get(p, 0) < o for p, o in self._read_to.items()):
            self._forget()  # the topic has been deleted and made again
        return Reached(OffsetsPosition.of({self.log.topic: high}), detail={"low_watermarks": low})

    def at(self, position: Position) -> PinnedTopic:
        """Return the topic up to a position."""
        if not isinstance(position, OffsetsPosition):
            raise TerminalError(f"{self.declaration.name} has offsets, not a position of kind {position.kind!r}.")
        return PinnedTopic(self, position)

    def events(self, start: OffsetsPosition | None, end: OffsetsPosition) -> pyarrow.Table:
        """Return the events from ``start`` (the first retained when None) up to ``end`` (exclusive).

        The table has the columns of ``model.events`` and those of the contract, in order of partition and offset.
        """
        table = self._up_to(end.partitions(self.log.topic))
        begin = {} if start is None else start.partitions(self.log.topic)
        limits = end.partitions(self.log.topic)
        if not any(begin.values()) and limits == self._read_to:
            return table
        return _between(table, begin, limits)

    def untold(self, columns: Collection[str]) -> set[Coordinates]:
        """Return the events read so far that have a NULL in one of the columns because the value is not known."""
        told = (*self.unavailable.items(), *self.unconvertible.items())
        return {place for name, places in told if name in columns for place in places}

    def originals(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Original]:
        """Return the records at these places (partition, offset) as their bytes, read again."""
        return originals(self.log, set(places))

    def close(self) -> None:
        """Give back the connection. Events that were read stay with the pinned topics that hold them."""
        self.log.close()

    def _up_to(self, end: Mapping[int, int]) -> pyarrow.Table:
        import pyarrow as pa

        if self._table is None or any(self._read_to.get(p, 0) < o for p, o in end.items()):
            begin = dict(self._read_to) if self._table is not None else {}
            for partition, low in self.log.watermarks()[0].items():
                begin[partition] = max(begin.get(partition, 0), low)
            self.decoder.take()  # what a reading that failed half-way has left
            if self.beside is not None:
                self.beside.take()
            with _without_collector():
                for batch in self.log.records(begin, end):
                    self.decoder.add(batch)
                    if self.beside is not None:
                        self.beside.add(batch)
                fresh = self._decoded()
            if self.beside is not None:
                fresh.table = self.beside.put_beside(fresh.table)
            known = self._table if self._table is not None else fresh.table.schema.empty_table()
            merged = fresh.table
            if known.num_rows:
                merged = pa.concat_tables([known, fresh.table])
                merged = merged.sort_by([(PARTITION, "ascending"), (OFFSET, "ascending")]).combine_chunks()
            merged, missing = fill_unavailable(merged, fresh.unavailable, self.contract.key, self.decoder.old_keys)
            self.malformed += fresh.malformed
            for total, found in ((self.unavailable, missing), (self.unconvertible, fresh.unconvertible)):
                for name, places in found.items():
                    total.setdefault(name, []).extend(places)
            self._table = merged
            self._read_to = {p: max(o, self._read_to.get(p, 0)) for p, o in {**self._read_to, **end}.items()}
        return self._table

    def _decoded(self) -> EventTable:
        if isinstance(self.decoder, TableDecoder):
            self._columns = self._columns or self._types(()) or self.decoder.columns()
            return self.decoder.table(self._columns, [k for k in self.contract.key if k in self._columns])
        groups, malformed = self.decoder.take()
        self._columns = self._columns or self._types(groups)
        return build_table(groups, malformed, self._columns, [k for k in self.contract.key if k in self._columns])

    def _types(self, groups: Sequence[EventGroup]) -> dict[str, LogicalType]:
        """The columns: those promised, or those of the newest schema where nothing is."""
        headers = {} if self.beside is None else self.beside.headers
        if self.contract.columns:
            return {name: column.type for name, column in self.contract.columns.items() if name not in headers}
        fields = {f.name: f for f in (*self.decoder.key_fields, *self.decoder.newest) if not f.name.startswith("__")}
        found = {name: reported_type(f, self.contract) for name, f in fields.items()}
        if not groups:
            return found
        return {**{k: LogicalType("string") for k in self.contract.key if k not in headers}, **found}

    def _forget(self) -> None:
        self._table, self._read_to = None, {}
        judge = getattr(self.decoder, "judge", None)
        if judge is not None:
            judge.forget()
        self.malformed, self.unavailable, self.unconvertible = [], {}, {}


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from searching the many records that are read, which hold no cycles.

    It would take half of the time of reading them, again and again looking through all that the process holds.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _between(table: pyarrow.Table, begin: Mapping[int, int], end: Mapping[int, int]) -> pyarrow.Table:
    import pyarrow as pa
    from pyarrow import compute

    if table.num_rows == 0:
        return table
    partition, offset = table.column(PARTITION), table.column(OFFSET)
    kept = pa.chunked_array([pa.array([False] * len(chunk)) for chunk in partition.chunks])
    for number, limit in end.items():
        inside = compute.and_(compute.equal(partition, number), compute.less(offset, limit))
        kept = compute.or_(kept, compute.and_(inside, compute.greater_equal(offset, begin.get(number, 0))))
    return table.filter(kept)
