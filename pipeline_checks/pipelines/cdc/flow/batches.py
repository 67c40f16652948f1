"""One micro-batch: out of Spark once as Arrow, decoded, and written to all tables of both formats side by side."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from time import monotonic
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_checks.pipelines.cdc.flow.decode import Decoder, Malformed, Record, TableBatch
from pipeline_checks.pipelines.cdc.flow.names import topic_of
from pipeline_checks.pipelines.cdc.flow.quarantine import Quarantine
from pipeline_checks.pipelines.cdc.flow.retry import persistently
from pipeline_checks.pipelines.cdc.flow.sink import BatchId, Target
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED
from pipeline_checks.pipelines.cdc.flow.writer import TableWriter

_log = logging.getLogger(__name__)
_WRITERS: Final = 4
"""Threads that write at once: delta-rs works outside of Python's lock, pyiceberg mostly waits for it."""


class BatchProcessor:
    """Takes batches of Kafka records and brings them into the lakes.

    Parameters
    ----------
    writers:
        The Delta and the Iceberg writer of each table, by the table's name.
    """

    def __init__(self, writers: Mapping[str, tuple[TableWriter, TableWriter]], quarantine: Quarantine) -> None:
        self._writers = writers
        self._quarantine = quarantine
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="writer")
        self._decoders: dict[str, Decoder] = {}
        self._due: Iterator[Target] = iter(())

    def open(self) -> None:
        """Open all tables, creating those that are absent."""
        every = [w for pair in self._writers.values() for w in pair]
        opened = [self._pool.submit(w.open) for w in every]
        persistently(self._quarantine.open, lambda: None, "opening the quarantine")
        for one in opened:
            one.result()
        for table in CAPTURED:
            columns: dict[str, pa.DataType] = {}
            for writer in self._writers[table.name]:
                columns |= writer.columns()
            self._decoders[topic_of(table.name)] = Decoder(table.key, columns)
        self._due = cycle([self._quarantine, *(t for w in every for t in (w.log, w.state))])

    def process(self, rows: pa.Table, identity: BatchId) -> dict[str, Any]:
        """Write one batch; returns what the progress log says of it.

        ``rows`` has the columns of Spark's Kafka source: topic, partition, offset, timestamp, key, value, headers.
        """
        started, now = monotonic(), datetime.now(UTC)
        batches = {topic: self._decoders[topic].decode(records) for topic, records in _by_topic(rows)}
        decoded = monotonic()
        quarantined = self._set_aside(batches, identity, now)
        jobs = [
            self._pool.submit(writer.write, batches[topic_of(name)], identity, now)
            for name, pair in self._writers.items()
            if topic_of(name) in batches
            for writer in pair
        ]
        tables = [entry for job in jobs for entry in job.result()]
        written = monotonic()
        return {
            "batch": identity.number,
            "query": identity.query,
            "at": now.isoformat(),
            "records": rows.num_rows,
            "events": sum(len(b.events) for b in batches.values()),
            "tombstones": sum(b.tombstones for b in batches.values()),
            "quarantined": quarantined,
            "decode_seconds": round(decoded - started, 4),
            "write_seconds": round(written - decoded, 4),
            "tables": tables,
        }

    def maintain(self) -> dict[str, Any] | None:
        """Do at most one piece of maintenance that is due. A failure is logged and does no harm."""
        for _ in range(1 + 4 * len(self._writers)):
            target = next(self._due)
            started = monotonic()
            try:
                done = target.maintain()
            except Exception:  # the next batch must not depend on it, whatever it was
                _log.exception("maintenance failed")
                persistently(target.open, lambda: None, "opening a table again")
                return None
            if done:
                return {"what": done, "seconds": round(monotonic() - started, 4)}
        return None

    def _set_aside(self, batches: Mapping[str, TableBatch], identity: BatchId, now: datetime) -> int:
        malformed: dict[str, list[Malformed]] = {t: b.malformed for t, b in batches.items() if b.malformed}
        if not malformed:
            return 0
        reached = {topic: batch.next_offsets for topic, batch in batches.items()}
        return persistently(
            lambda: self._quarantine.take(malformed, reached, identity, now),
            self._quarantine.open,
            "writing the quarantine",
        )


def _by_topic(rows: pa.Table) -> Iterator[tuple[str, list[Record]]]:
    """Return the records of each topic."""
    for topic in pc.unique(rows.column("topic")).to_pylist():
        part = rows.filter(pc.equal(rows.column("topic"), topic))
        columns = (
            part.column("partition").to_pylist(),
            part.column("offset").to_pylist(),
            part.column("timestamp").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist(),
            part.column("key").to_pylist(),
            part.column("value").to_pylist(),
            part.column("headers").to_pylist(),
        )
        yield topic, [Record(*values) for values in zip(*columns, strict=True)]
