"""Reading ahead of a batch: what happened to an old key before its row appeared under a new one.

A change of key is a delete in the old key's partition and a create in the new key's. A batch may end between the two,
as each partition is read to an end of its own; what the old key held is then known only from records behind the batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

import pyarrow as pa

from pipeline_checks.clients.kafka import consumer
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow.covers import Covers
from pipeline_checks.pipelines.cdc.flow.decode import Decoder, Record, TableBatch

_log = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""How long the delete of an old key is waited for. Both halves of a change are produced within milliseconds."""

Ahead = Callable[[Covers, Collection[tuple[int, int]]], TableBatch]
"""Gives the events from the next offsets on, as far as the deletes of the keys at the LSNs named, at least."""


def reader(bootstrap: str, topic: str, decoder: Callable[[], Decoder]) -> Ahead:
    """Return a function that reads ahead in a topic."""

    def read(start: Covers, wanted: Collection[tuple[int, int]]) -> TableBatch:
        from confluent_kafka import TopicPartition

        opened = consumer(bootstrap, isolation_level="read_committed")
        records: list[Record] = []
        missing, deadline = set(wanted), Deadline(SECONDS)
        try:
            opened.assign([TopicPartition(topic, p, o) for p, o in start.items()])
            while missing and not deadline.passed:
                message = opened.poll(0.2)
                if message is None or message.error():
                    continue
                partition, offset = message.partition(), message.offset()
                assert partition is not None and offset is not None
                headers = [{"key": h[0], "value": h[1]} for h in message.headers() or ()]
                record = Record(
                    partition, offset, message.timestamp()[1] * 1000, message.key(), message.value(), headers
                )
                records.append(record)
                missing -= {
                    (e.key, e.lsn) for e in decoder().decode([record]).events if e.op == "d" and e.key is not None
                }
        finally:
            opened.close()
        if missing:
            _log.warning("%s: the deletes of changed keys %s did not come", topic, sorted(missing))
        return decoder().decode(records)

    return read


def joined(batch: TableBatch, following: TableBatch) -> tuple[TableBatch, list[int]]:
    """Return both batches as one, and where the events of the first stand in it."""
    events = [*batch.events, *following.events]
    order = sorted(range(len(events)), key=lambda i: events[i].order)
    rows = pa.concat_tables([batch.rows, following.rows], promote_options="default").take(pa.array(order, pa.int64()))
    place = {index: at for at, index in enumerate(order)}
    both = TableBatch([events[i] for i in order], rows)
    return both, [place[i] for i in range(len(batch.events))]
