"""The table, held open by its writer: each batch becomes one snapshot, each trade one row."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyiceberg import types
from pyiceberg.exceptions import CommitFailedException

from pipeline_checks.pipelines.market_data.flow.avro import Decoder, Undecodable
from pipeline_checks.pipelines.market_data.flow.sequence import SequenceTracker
from pipeline_checks.pipelines.market_data.flow.table import commits, rows
from pipeline_checks.pipelines.market_data.flow.table import covers as covering
from pipeline_checks.pipelines.market_data.flow.table.batch import Batch, Offsets
from pipeline_checks.pipelines.market_data.flow.table.covers import COVERS, DEAD_LETTERS, Covers
from pipeline_checks.pipelines.market_data.flow.table.definition import SCHEMA, create_table
from pipeline_checks.pipelines.market_data.flow.table.seen import Seen

if TYPE_CHECKING:
    from confluent_kafka import Message
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
    from pipeline_checks.pipelines.market_data.flow.table.dead_letters import DeadLetters

_log = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KNOWN: Final = {f.name for f in SCHEMA.fields}
_COMPACT_AFTER: Final = 60
_EXPIRE_AFTER: Final = 100
_TOLD: Final = 100
"""Events of a batch that are logged one by one."""


@dataclass(frozen=True)
class Written:
    """What became of a batch."""

    records: int
    rows: int
    duplicates: int
    dead_letters: int


class TradesSink:
    """Writes batches. Not for use from several threads.

    Parameters
    ----------
    topic:
        The topic whose offsets the snapshots cover.
    """

    def __init__(
        self,
        catalog: Catalog,
        identifier: str,
        topic: str,
        decoder: Decoder,
        dead_letters: DeadLetters,
        metrics: Metrics,
    ) -> None:
        self._catalog = catalog
        self._identifier = identifier
        self._topic = topic
        self._decoder = decoder
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._table: Table | None = None
        self._seen = Seen(self._day)
        self._tracker = SequenceTracker()
        self._commits = 0
        self._letters_end = 0
        self.covers: Covers = {}
        self.partitions: set[int] = set()
        """Partitions of the topic that are known: the snapshots speak of them from their first offset on."""

    @property
    def table(self) -> Table:
        """The open table."""
        assert self._table is not None, "open() comes first"
        return self._table

    def open(self) -> None:
        """Load the table as it is now, created where it is absent, and what it covers."""
        self._table = create_table(self._catalog, self._identifier)
        self._seen.forget()
        self.covers, self._letters_end = covering.newest(self.table.metadata.snapshots, self._topic)
        self._dead_letters.recall(self._letters_end)

    def write(self, batch: Batch) -> Written:
        """Write what the table does not cover of a batch, in one snapshot.

        When it raises, nothing is written; ``open`` and write again. A commit of somebody else raises pyiceberg's
        CommitFailedException.
        """
        started = time.monotonic()
        messages = batch.uncovered(self.covers)
        if not messages:
            return Written(0, 0, 0, 0)
        try:
            done = self._write(messages)
        except BaseException as problem:
            self._seen.forget()  # it holds what was not written
            if not isinstance(problem, CommitFailedException):
                self._metrics.counter("iceberg_write_errors").inc()
            raise
        self._metrics.histogram("iceberg_write_duration_seconds").observe(time.monotonic() - started)
        self._metrics.counter("iceberg_transactions").inc()
        self._metrics.counter("iceberg_rows_written").inc(done.rows)
        self._metrics.counter("kafka_messages_consumed", self._topic, labels=("topic",)).inc(done.records)
        self._metrics.gauge("iceberg_snapshot_count").set(len(self.table.metadata.snapshots))
        return done

    def _write(self, messages: list[Message]) -> Written:
        new, duplicates, letters = self._sorted_out(messages)
        if letters:
            self._dead_letters.acknowledged()
            self._letters_end = self._dead_letters.end()
        offsets = Offsets.of(messages)
        covers = offsets.advanced(dict.fromkeys(self.partitions, 0) | self.covers)
        further = self._further()
        properties = {
            **self._saying(covers),
            "topic": self._topic,
            **offsets.properties(),
            "record_count": str(len(messages)),
            "duplicates_skipped": str(duplicates),
            "dead_lettered": str(letters),
        }
        commits.append(self.table, rows.arrow_rows(new, further), properties)
        self.covers = covers
        self._commits += 1
        return Written(len(messages), len(new), duplicates, letters)

    def _saying(self, covers: Covers) -> dict[str, str]:
        return {COVERS: covering.to_text(self._topic, covers), DEAD_LETTERS: str(self._letters_end)}

    def _sorted_out(self, messages: list[Message]) -> tuple[list[dict[str, Any]], int, int]:
        """Return the rows that are new, and how many records were duplicates and dead letters."""
        new: list[dict[str, Any]] = []
        duplicates = letters = told = 0
        for message in messages:
            value: Any = message.value()
            try:
                schema_id, record = self._decoder.decode(value)
                self._widen(schema_id)
                row = rows.row(record)
            except Undecodable as problem:
                self._dead_letters.put(message, problem.reason, problem.detail)
                self._metrics.counter("consumer_errors", problem.reason, labels=("error_type",)).inc()
                letters += 1
                continue
            exchange, symbol, number, at = row["exchange"], row["symbol"], row["source_sequence"], row["timestamp"]
            if not self._seen.take(exchange, symbol, number, at):
                duplicates += 1
                self._metrics.counter("duplicate_messages_detected", symbol, labels=("symbol",)).inc()
                continue
            new.append(row)
            told += self._follow(row, message, quiet=told >= _TOLD)
        return new, duplicates, letters

    def _follow(self, row: Mapping[str, Any], message: Message, quiet: bool) -> bool:
        """Note a trade's place in its sequence; whether that was not the next one."""
        symbol, number = row["symbol"], row["source_sequence"]
        last = self._tracker.last(symbol)
        event, gap = self._tracker.see(symbol, number, row["timestamp"])
        if event == "OK":
            return False
        if event == "GAP" and gap is not None:
            labels = ("symbol", "severity")
            self._metrics.counter("sequence_gaps_detected", symbol, gap.severity, labels=labels).inc()
        elif event == "OUT_OF_ORDER":
            self._metrics.counter("out_of_order_messages", symbol, labels=("symbol",)).inc()
        if not quiet:
            place = f"{message.partition()}:{message.offset()}"
            _log.warning("%s %s: expected %d, got %d at %s", event, symbol, (last or 0) + 1, number, place)
        return True

    def _widen(self, schema_id: int) -> None:
        """Add the columns that a schema has and the table lacks; rows without them hold NULL there."""
        if schema_id in self._decoder.looked_at:
            return
        self._decoder.looked_at.add(schema_id)
        wanted = rows.further_columns(self._decoder.document(schema_id))
        present = set(self.table.schema().column_names)
        missing = {name: kind for name, kind in wanted.items() if name not in present}
        if missing:
            with self.table.update_schema() as update:
                for name, kind in missing.items():
                    update.add_column(name, _iceberg_type(kind))
            _log.info("columns added to %s: %s", self._identifier, ", ".join(missing))

    def _further(self) -> dict[str, pa.DataType]:
        """Return the columns of the table that its definition does not have."""
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        schema = schema_to_pyarrow(self.table.schema(), include_field_ids=False)
        plain = {pa.large_string(): pa.string()}
        return {f.name: plain.get(f.type, f.type) for f in schema if f.name not in _KNOWN}

    def _day(self, day: int) -> pa.Table:
        """Return the identities of a day's rows."""
        start = _EPOCH + timedelta(days=day)
        end = start + timedelta(days=1)
        bounds = f"timestamp >= '{start.isoformat()}' AND timestamp < '{end.isoformat()}'"
        return self.table.scan(bounds, selected_fields=("exchange", "symbol", "source_sequence")).to_arrow()

    def maintain(self) -> str | None:
        """Do at most one piece of maintenance that is due; a failure is logged and does no harm."""
        try:
            if self._commits and self._commits % _COMPACT_AFTER == 0:
                self._commits += 1
                return "compaction" if commits.compact(self.table, self._saying(self.covers)) else None
            if self._commits and self._commits % _EXPIRE_AFTER == 0:
                self._commits += 1
                return "expiry" if commits.expire(self.table) else None
        except Exception:  # the next batch must not depend on it, whatever it was
            _log.exception("maintenance failed")
            self.open()
        return None


def _iceberg_type(kind: pa.DataType) -> types.PrimitiveType:
    plain: dict[pa.DataType, types.PrimitiveType] = {
        pa.int64(): types.LongType(),
        pa.float64(): types.DoubleType(),
        pa.bool_(): types.BooleanType(),
    }
    return plain.get(kind, types.StringType())
