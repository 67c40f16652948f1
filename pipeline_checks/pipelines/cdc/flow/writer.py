"""One table in one lake format: the change log first, then the current state, each by what it covers already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any

import pyarrow as pa

from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.ahead import Ahead, joined
from pipeline_checks.pipelines.cdc.flow.changes import log_rows
from pipeline_checks.pipelines.cdc.flow.current import Guard, carried_over, collapse, state_rows
from pipeline_checks.pipelines.cdc.flow.decode import TableBatch
from pipeline_checks.pipelines.cdc.flow.retry import persistently
from pipeline_checks.pipelines.cdc.flow.sink import BatchId, LogTarget, StateTarget, Target
from pipeline_checks.pipelines.cdc.flow.tables import Table


class TableWriter:
    """Writes the batches of one table into one lake format.

    Parameters
    ----------
    lake_format:
        ``delta`` or ``iceberg``.
    ahead:
        Reads the topic behind a batch that ends within a change of key; None when batches never do.
    """

    def __init__(
        self,
        table: Table,
        topic: str,
        lake_format: str,
        log: LogTarget,
        state: StateTarget,
        ahead: Ahead | None = None,
    ) -> None:
        self.table = table
        self.topic = topic
        self.lake_format = lake_format
        self.log = log
        self.state = state
        self.ahead = ahead
        self._guard: Guard | None = None

    @property
    def name(self) -> str:
        """Format and table, for messages."""
        return f"{self.lake_format}.{self.table.name}"

    def open(self) -> None:
        """Open both tables, creating those that are absent."""
        persistently(self.log.open, _nothing, f"opening {self.name} changes")
        persistently(self.state.open, _nothing, f"opening {self.name}")
        self._guard = None

    def columns(self) -> dict[str, pa.DataType]:
        """Return the columns of both tables that a source column may have: all but the technical and derived ones."""
        own = {name for name, _, _ in self.table.joined}
        found: dict[str, pa.DataType] = {}
        for target in (self.log, self.state):
            found |= {f.name: f.type for f in target.schema() if not f.name.startswith("_") and f.name not in own}
        return found

    def write(self, batch: TableBatch, identity: BatchId, now: datetime) -> list[dict[str, Any]]:
        """Commit the batch to both tables; returns rows and seconds of each for the progress log."""
        return [
            self._timed("changes", self.log, batch, lambda: self._write_log(batch, identity, now)),
            self._timed("current", self.state, batch, lambda: self._write_state(batch, identity, now)),
        ]

    def _timed(self, kind: str, target: Target, batch: TableBatch, action: Any) -> dict[str, Any]:
        started = monotonic()
        rows = persistently(action, target.open, f"writing {self.name} {kind}")
        return {
            "table": self.table.name,
            "format": self.lake_format,
            "kind": kind,
            "rows": rows,
            "seconds": round(monotonic() - started, 4),
        }

    def _write_log(self, batch: TableBatch, identity: BatchId, now: datetime) -> int:
        chosen = _new(batch, self.log.covers)
        covers = covering.advanced(self.log.covers, batch.next_offsets)
        if covers == self.log.covers:
            return 0
        self._widen(self.log, batch)
        if chosen:
            rows = log_rows(self.table, self.topic, self.lake_format, batch, self._complete(batch), chosen, now)
            self.log.append(rows, covers, identity)
        else:
            self.log.advance(covers, identity)
        return len(chosen)

    def _write_state(self, batch: TableBatch, identity: BatchId, now: datetime) -> int:
        chosen = _new(batch, self.state.covers)
        covers = covering.advanced(self.state.covers, batch.next_offsets)
        if covers == self.state.covers:
            return 0
        self._widen(self.state, batch)
        guard = self._known_gone()
        change = collapse(batch.events, chosen, guard)
        if change.upserts or change.deletes or change.truncated is not None:
            rows = self._complete(batch)
            upserts = state_rows(self.table, batch, rows, change.upserts, now)
            deletes = state_rows(self.table, batch, rows, change.deletes, now)
            self.state.apply(upserts, deletes, change.truncated, covers, identity)
        else:
            self.state.advance(covers, identity)
        for index in chosen:
            event = batch.events[index]
            guard.note(event.key, event.op, event.lsn)
        return len(change.upserts) + len(change.deletes)

    def _complete(self, batch: TableBatch) -> pa.Table:
        """Return the batch's rows with unavailable values taken from this format's own tables."""
        chosen = sorted({*_new(batch, self.log.covers), *_new(batch, self.state.covers)})
        torn = self._torn(batch, chosen)
        if not torn or self.ahead is None:
            return carried_over(batch, chosen, self._before)
        both, places = joined(batch, self.ahead(covering.advanced(self.state.covers, batch.next_offsets), torn))
        following = set(range(len(both.events))) - set(places)
        rows = carried_over(both, sorted(following | {places[i] for i in chosen}), self._before)
        return rows.take(pa.array(places, pa.int64())).select(batch.rows.column_names)

    def _torn(self, batch: TableBatch, chosen: Sequence[int]) -> set[tuple[int, int]]:
        """Return old key and LSN of changes of key whose delete is neither in the batch nor has been applied."""
        moved = {
            (e.old_key, e.lsn)
            for e in (batch.events[i] for i in chosen)
            if e.unavailable and e.op == "c" and e.old_key is not None
        }
        if not moved:
            return set()
        gone = self._known_gone().deleted
        moved -= {(e.key, e.lsn) for e in batch.events if e.op == "d"}
        return {(key, lsn) for key, lsn in moved if key is not None and gone.get(key, -1) < lsn}

    def _before(self, wanted: Sequence[tuple[int, int]], names: Sequence[str]) -> dict[tuple[int, int], dict[str, Any]]:
        """Return what keys held before an LSN: the current state where it is that old, else the change log."""
        state = self.state.rows_of(sorted({key for key, _ in wanted}), list(names))
        found = {w: state[w[0]] for w in wanted if w[0] in state and (state[w[0]]["_source_lsn"] or -1) < w[1]}
        rest = [w for w in wanted if w not in found]
        return {**found, **(self.log.before(rest, list(names)) if rest else {})}

    def _known_gone(self) -> Guard:
        if self._guard is None:
            self._guard = Guard()
            for key, op, lsn in self.log.gone():
                self._guard.note(key, op, lsn)
        return self._guard

    def _widen(self, target: Target, batch: TableBatch) -> None:
        """Add the columns that the batch brings and the table does not have."""
        known = set(target.schema().names)
        new = {f.name: f.type for f in batch.rows.schema if f.name not in known}
        if new:
            target.add_columns(new)


def _new(batch: TableBatch, covers: covering.Covers) -> list[int]:
    """Return the indexes of the events that are not covered."""
    return [i for i, e in enumerate(batch.events) if covering.is_new(covers, e.partition, e.offset)]


def _nothing() -> None:
    """Recovery of an action that needs none."""
