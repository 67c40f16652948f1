"""What the topics of a test hold, read with a client of its own, and whether every input has exactly one outcome."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from pipeline_checks.model.clock import Deadline

Place = tuple[int, int]
"""Partition and offset."""


@dataclass(frozen=True)
class Record:
    """A record as it lies in a topic; ``timestamp`` in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp: int

    @property
    def body(self) -> Any:
        """The value as JSON."""
        assert self.value is not None
        return json.loads(self.value)

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self.partition, self.offset

    @property
    def source(self) -> Place:
        """Where the input lies that it was made from."""
        return int(self.headers["source_partition"]), int(self.headers["source_offset"])


@dataclass(frozen=True)
class Topics:
    """Topics and consumer group of one test."""

    broker: str
    raw: str
    predictions: str
    dead_letters: str
    group: str
    suffix: str

    def read(self, topic: str, *, committed: bool = True) -> list[Record]:
        """Return all records of a topic, by partition and offset."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker,
                "group.id": f"reader-{uuid4().hex}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "fetch.wait.max.ms": 20,
            }
        )
        ends = {p: end for p, end in self.ends(topic).items() if end}
        consumer.assign([TopicPartition(topic, p, 0) for p in ends])
        found: list[Record] = []
        deadline = Deadline(30)
        while any(_position(consumer, topic, p) < end for p, end in ends.items()):
            assert not deadline.passed, f"{topic} could not be read: an open transaction?"
            found += [_record(m) for m in consumer.consume(5000, 0.05)]
        return sorted(found, key=lambda r: r.place)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the high watermark of each partition; behind a restart a partition has no leader for a moment."""
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": f"reader-{uuid4().hex}"})
        problems: list[KafkaException] = []

        def asked() -> dict[int, int] | None:
            try:
                partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
                return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
            except KafkaException as problem:
                if problem.args[0].code() not in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE):
                    raise
                problems.append(problem)
                return None

        ends = Deadline(10).wait_until(asked)
        assert ends is not None, problems[-1]
        return ends

    def committed(self, admin: AdminClient | None = None) -> dict[int, int]:
        """Return what the group has committed of the input topic, by partition."""
        admin = admin or AdminClient({"bootstrap.servers": self.broker})
        wanted = ConsumerGroupTopicPartitions(self.group, None)
        answer = admin.list_consumer_group_offsets([wanted], require_stable=True)[self.group].result(timeout=20)
        return {p.partition: p.offset for p in answer.topic_partitions or () if p.topic == self.raw and p.offset >= 0}

    def send(self, messages: Iterable[tuple[str | None, Any]]) -> None:
        """Write messages with their keys to the input topic: bytes as they are, None as null, all else as JSON."""
        producer = Producer({"bootstrap.servers": self.broker, "linger.ms": 5, "enable.idempotence": True})
        for key, value in messages:
            raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
            producer.produce(self.raw, key=key, value=raw)
            producer.poll(0)
        assert producer.flush(20) == 0

    def wait_until_consumed(self, seconds: float = 30, ended: Callable[[], bool] = lambda: False) -> None:
        """Wait until the group has committed everything that the input topic holds now, or until ``ended``."""
        ends, admin = self.ends(self.raw), AdminClient({"bootstrap.servers": self.broker})

        def caught_up() -> bool:
            committed = self.committed(admin)
            return all(committed.get(p, 0) >= end for p, end in ends.items()) or ended()

        assert Deadline(seconds).wait_until(caught_up), f"committed {self.committed()} of {ends}"

    def wait_for_outputs(self, number: int, seconds: float = 30) -> None:
        """Wait until so many input messages are committed, at least."""
        admin = AdminClient({"bootstrap.servers": self.broker})
        done = Deadline(seconds).wait_until(lambda: sum(self.committed(admin).values()) >= number, every=0.02)
        assert done, f"committed {self.committed()}, waited for {number}"

    def assert_conserved(self, inputs: int | None = None) -> Counter[str]:
        """Assert that every input has one outcome, that its key is kept, and that all is committed.

        Returns how many predictions and dead letters there are.
        """
        given, counts = self.read(self.raw), Counter[str]()
        if inputs is not None:
            assert len(given) == inputs
        outcomes: Counter[Place] = Counter()
        keys = {r.place: r.key for r in given}
        for topic, word in ((self.predictions, "predictions"), (self.dead_letters, "dead_letters")):
            for record in self.read(topic):
                assert record.headers["source_topic"].decode() == self.raw
                outcomes[record.source] += 1
                counts[word] += 1
                if keys[record.source] is not None:
                    assert record.key == keys[record.source]
        missing = [r.place for r in given if not outcomes[r.place]]
        twice = {place: n for place, n in outcomes.items() if n > 1}
        assert not missing, f"{len(missing)} inputs have no outcome: {missing[:5]}"
        assert not twice, f"{len(twice)} inputs have several outcomes: {list(twice.items())[:5]}"
        assert set(outcomes) == {r.place for r in given}
        committed = self.committed()
        assert all(committed.get(p, 0) == end for p, end in self.ends(self.raw).items()), committed
        return counts


def _position(consumer: Consumer, topic: str, partition: int) -> int:
    return consumer.position([TopicPartition(topic, partition)])[0].offset


def _record(message: Any) -> Record:
    assert message.error() is None, message.error()
    headers = dict(message.headers() or ())
    return Record(
        message.partition(), message.offset(), message.key(), message.value(), headers, message.timestamp()[1]
    )
