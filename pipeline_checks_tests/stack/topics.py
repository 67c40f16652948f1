"""Topics of tests: created for one test, written to within transactions, removed afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import setting

Record = tuple[int, bytes | None, bytes | None]
"""Partition, key, value."""


def brokers() -> str:
    """The stack's brokers."""
    return setting("KAFKA_BOOTSTRAP_SERVERS")


@contextmanager
def topic(partitions: int = 2, config: Mapping[str, str] | None = None, name: str | None = None) -> Iterator[str]:
    """Yield the name of a new topic."""
    named = name or f"stages-{uuid.uuid4().hex[:8]}"
    create(named, partitions, config)
    try:
        yield named
    finally:
        delete(named)


def create(name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
    """Create a topic and wait until the broker knows it."""
    admin = kafka.admin(brokers())
    admin.create_topics([NewTopic(name, partitions, 1, config=dict(config or {}))])[name].result(30)


def delete(name: str) -> None:
    """Delete a topic; no error when it is gone already."""
    admin: AdminClient = kafka.admin(brokers())
    done = admin.delete_topics([name])[name]
    if not isinstance(done.exception(30), Exception):
        done.result(30)


def produce(name: str, records: Sequence[Record]) -> None:
    """Write records outside of any transaction."""
    producer = kafka.producer(brokers())
    for partition, key, value in records:
        producer.produce(name, partition=partition, key=key, value=value)
    assert producer.flush(30) == 0


@contextmanager
def transaction(name: str, records: Sequence[Record]) -> Iterator[Producer]:
    """Write records within a transaction, which the caller commits or aborts; an open one is aborted at the end."""
    producer = kafka.producer(
        brokers(), transactional_id=f"{name}-{uuid.uuid4().hex[:6]}", transaction_timeout_ms=60_000
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition, key, value in records:
        producer.produce(name, partition=partition, key=key, value=value)
    assert producer.flush(30) == 0
    yield producer
