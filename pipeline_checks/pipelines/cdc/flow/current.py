"""The current state: a batch collapsed to the newest event of each key, and values that events lack carried over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from pipeline_checks.pipelines.cdc.flow.changes import with_derived
from pipeline_checks.pipelines.cdc.flow.decode import Event, TableBatch
from pipeline_checks.pipelines.cdc.flow.tables import Table

_INSTANT = pa.timestamp("us", tz="UTC")
TECHNICAL: Final[dict[str, pa.DataType]] = {
    "_source_lsn": pa.int64(),
    "_source_tx_id": pa.int64(),
    "_topic_partition": pa.int64(),
    "_offset": pa.int64(),
    "_ingested_at": _INSTANT,
}
"""Name to type of the columns of a current state beside those of the source."""

Lookup = Callable[[Sequence[tuple[int, int]], Sequence[str]], Mapping[tuple[int, int], Mapping[str, Any]]]
"""Gives the values of the named columns that each key had before an LSN, for those that a lake format knows."""


@dataclass
class Guard:
    """What must not come back: keys deleted at an LSN, and everything before the last truncate.

    A record that someone produced again after its key was deleted is told by its LSN.
    """

    deleted: dict[int, int] = field(default_factory=dict)
    truncated: int = -1

    def admits(self, event: Event) -> bool:
        """Whether the event is newer than what is known to be gone."""
        return event.lsn > self.truncated and (event.key is None or event.lsn >= self.deleted.get(event.key, -1))

    def note(self, key: int | None, op: str, lsn: int) -> None:
        """Remember a delete or truncate that has been applied."""
        if op == "t":
            self.truncated = max(self.truncated, lsn)
        elif op == "d" and key is not None:
            self.deleted[key] = max(self.deleted.get(key, -1), lsn)


@dataclass(frozen=True)
class Change:
    """What a batch does to a current state: ``upserts`` and ``deletes`` are the indexes of events, one a key.

    ``truncated`` is the LSN of the last truncate, below which every row goes first.
    """

    upserts: tuple[int, ...]
    deletes: tuple[int, ...]
    truncated: int | None = None


def collapse(events: Sequence[Event], chosen: Iterable[int], guard: Guard) -> Change:
    """Return what the chosen events do, each key by its newest event.

    ``events`` stand in the order of ``Event.order``, so that the last of a key is its newest, also when a record was
    produced again behind newer ones.
    """
    newest: dict[int, int] = {}
    truncated: int | None = None
    for index in chosen:
        event = events[index]
        if event.op == "t":
            truncated = event.lsn if truncated is None else max(truncated, event.lsn)
        elif event.key is not None and guard.admits(event):
            newest[event.key] = index
    if truncated is not None:
        newest = {key: index for key, index in newest.items() if events[index].lsn > truncated}
    indexes = newest.values()
    return Change(
        upserts=tuple(i for i in indexes if events[i].op != "d"),
        deletes=tuple(i for i in indexes if events[i].op == "d"),
        truncated=truncated,
    )


def state_rows(table: Table, batch: TableBatch, rows: pa.Table, chosen: Sequence[int], now: datetime) -> pa.Table:
    """Return the current state's rows after the chosen events; ``now`` is the time of the batch."""
    events = [batch.events[i] for i in chosen]
    result = with_derived(table, rows.take(pa.array(chosen, pa.int64())))
    technical: Mapping[str, pa.Array] = {
        "_source_lsn": pa.array([e.lsn for e in events], pa.int64()),
        "_source_tx_id": pa.array([e.tx_id for e in events], pa.int64()),
        "_topic_partition": pa.array([e.partition for e in events], pa.int64()),
        "_offset": pa.array([e.offset for e in events], pa.int64()),
        "_ingested_at": pa.repeat(pa.scalar(now.astimezone(UTC), _INSTANT), len(events)),
    }
    for name, kind in TECHNICAL.items():
        result = result.append_column(pa.field(name, kind), technical[name])
    return result


def carried_over(batch: TableBatch, chosen: Sequence[int], lookup: Lookup) -> pa.Table:
    """Return the batch's rows with every unavailable value replaced by the one that its key had before.

    The value is looked for in the batch itself, in order, and else with ``lookup``; for a changed key under the old
    one. A value that nobody knows becomes NULL.
    """
    lacking = [i for i in chosen if batch.events[i].unavailable]
    if not lacking:
        return batch.rows
    names = sorted({name for i in lacking for name in batch.events[i].unavailable})
    known = lookup(sorted({_origin(batch.events[i]) for i in lacking}), names)
    values = {name: batch.rows.column(name).to_pylist() for name in names}
    held: dict[int, dict[str, Any]] = {}
    for index in chosen:
        event = batch.events[index]
        if event.key is None or event.op in "dt":
            continue  # what a deleted key held is still wanted by the key it was changed to
        before: Mapping[str, Any] = {}
        if event.unavailable:
            origin = _origin(event)
            before = held[origin[0]] if origin[0] in held else known.get(origin, {})
        for name in event.unavailable:
            values[name][index] = before.get(name)
        held[event.key] = {name: values[name][index] for name in names}
    rows = batch.rows
    for name in names:
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values[name], rows.schema.field(at).type))
    return rows


def _origin(event: Event) -> tuple[int, int]:
    """The key under which the event's unavailable values stood, and the LSN before which they did."""
    key = event.old_key if event.old_key is not None else event.key
    assert key is not None
    return key, event.lsn
