"""Values that Debezium could not tell (unchanged TOAST values), taken from the row's earlier events in the topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import CREATE, DELETE, LSN, OFFSET, OP, PARTITION, ROW_OPERATIONS, TX_ID

if TYPE_CHECKING:
    import pyarrow

Coordinates = tuple[int, int]
"""Partition and offset of an event."""


@dataclass(frozen=True)
class _Event:
    row: int
    at: Coordinates
    op: str
    tx_id: int | None
    lsn: int | None
    key: tuple[Any, ...]


def fill_unavailable(
    table: pyarrow.Table,
    unavailable: Mapping[str, Sequence[Coordinates]],
    key: Sequence[str],
    old_keys: Mapping[Coordinates, Mapping[str, Any]],
) -> tuple[pyarrow.Table, dict[str, list[Coordinates]]]:
    """Return the table with what could be filled in, and by column the events whose value could not.

    ``table`` has the events in order of partition and offset. An update takes the value of the event before it; the row
    under a new key takes it from the row under its old key, which is named by a header of the event or found by the
    delete of the same transaction and LSN.
    """
    import pyarrow as pa

    if not unavailable:
        return table, {}
    events = _events(table, key)
    by_key: dict[tuple[Any, ...], list[_Event]] = {}
    deletes: dict[tuple[int | None, int | None], _Event] = {}
    for event in events.values():
        if event.op in ROW_OPERATIONS:
            by_key.setdefault(event.key, []).append(event)
        elif event.op == DELETE:
            deletes[event.tx_id, event.lsn] = event
    missing: dict[str, list[Coordinates]] = {}
    for column, marked in unavailable.items():
        known: list[Any] = table.column(column).to_pylist()
        unknown = set(marked)
        for at in sorted(marked, key=lambda a: (events[a].lsn or 0, a)):
            source = _before(events[at], by_key, deletes, old_keys.get(at), key)
            if source is not None and source.at not in unknown:
                known[events[at].row] = known[source.row]
                unknown.discard(at)
        if unknown:
            missing[column] = sorted(unknown)
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(place), pa.array(known, table.schema.field(place).type))
    return table, missing


def _events(table: pyarrow.Table, key: Sequence[str]) -> dict[Coordinates, _Event]:
    columns = [table.column(name).to_pylist() for name in (PARTITION, OFFSET, OP, TX_ID, LSN, *key)]
    return {
        (partition, offset): _Event(row, (partition, offset), op, tx_id, lsn, tuple(values))
        for row, (partition, offset, op, tx_id, lsn, *values) in enumerate(zip(*columns, strict=True))
    }


def _before(
    event: _Event,
    by_key: Mapping[tuple[Any, ...], Sequence[_Event]],
    deletes: Mapping[tuple[int | None, int | None], _Event],
    old_key: Mapping[str, Any] | None,
    key: Sequence[str],
) -> _Event | None:
    """The event that holds the row as it was before this one."""
    if event.op != CREATE:
        return max((e for e in by_key.get(event.key, ()) if e.at < event.at), key=lambda e: e.at, default=None)
    if old_key is not None:
        former = tuple(old_key.get(name) for name in key)
    elif (delete := deletes.get((event.tx_id, event.lsn))) is not None:
        former = delete.key
    else:
        return None
    earlier = (e for e in by_key.get(former, ()) if (e.lsn or 0) < (event.lsn or 0))
    return max(earlier, key=lambda e: (e.lsn or 0, e.at), default=None)
