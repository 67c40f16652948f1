"""One topic as a log: its partitions, watermarks, configuration, and its records between two positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients import kafka
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

STALL_SECONDS = 15.0
"""How long reading waits for the next record before it gives up."""

_BATCH = 2000
_POLL_SECONDS = 0.2
_CONFIGURATION = (
    *("cleanup.policy", "retention.ms", "retention.bytes", "segment.ms", "segment.bytes", "message.timestamp.type"),
    *("delete.retention.ms", "min.insync.replicas", "max.message.bytes", "compression.type"),
)


class TopicLog:
    """Asks the brokers about one topic; reads by assignment, never by subscription, and commits nothing."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.topic = topic
        self._bootstrap = bootstrap
        self._asking: Consumer | None = None

    def watermarks(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return the first offset still there and the next offset to be written, by partition.

        The latter counts records of open transactions too: what is below it is all that has been produced. Raises
        TerminalError when the topic does not exist.
        """
        low: dict[int, int] = {}
        high: dict[int, int] = {}
        for partition in self._partitions():
            low[partition], high[partition] = self._watermarks_of(partition)
        return low, high

    def _watermarks_of(self, partition: int) -> tuple[int, int]:
        """Ask one partition, again while it has no leader: after a start, a restart, or when it was just created."""
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        what = f"reading the watermarks of topic {self.topic}"
        without_leader = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
        failure: list[Exception] = [TransientError(f"{what}: the broker did not answer in time.")]

        def ask() -> tuple[int, int] | None:
            try:
                return self._consumer().get_watermark_offsets(
                    TopicPartition(self.topic, partition), timeout=kafka.REQUEST_TIMEOUT_SECONDS, cached=False
                )
            except KafkaException as problem:
                failure[:] = [kafka.translate(what, problem.args[0])]
                if problem.args[0].code() not in without_leader:
                    raise failure[0] from None
                return None

        found = Deadline(kafka.REQUEST_TIMEOUT_SECONDS).wait_until(ask)
        if found is None:
            raise failure[0]
        return found

    def configuration(self) -> dict[str, str | None]:
        """Return the topic's settings about what is kept and how it is stamped."""
        from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

        with kafka.translated(f"reading the configuration of topic {self.topic}"):
            resource = ConfigResource(ResourceType.TOPIC, self.topic)
            admin = kafka.admin(self._bootstrap)  # must live until the answer is there
            asked = admin.describe_configs([resource], request_timeout=kafka.REQUEST_TIMEOUT_SECONDS)
            settings = next(iter(asked.values())).result()
        return {name: settings[name].value for name in _CONFIGURATION if name in settings}

    def replication(self) -> int:
        """Return the replicas of each partition, of the one that has the fewest."""
        with kafka.translated(f"asking for topic {self.topic}"):
            topics: Any = self._consumer().list_topics(self.topic, timeout=kafka.REQUEST_TIMEOUT_SECONDS).topics
        return min((len(p.replicas) for p in topics[self.topic].partitions.values()), default=0)

    def records(
        self, start: Mapping[int, int], end: Mapping[int, int], isolation: str = "read_committed"
    ) -> Iterator[list[Message]]:
        """Yield the records of each partition from ``start`` up to ``end`` (exclusive), in batches.

        With the ``isolation`` of ``read_uncommitted`` those of aborted transactions are among them.

        A partition is done when its last offset has been seen or the end of the partition is reached beyond it: the
        last offsets of a transactional topic are markers, which are never handed out. Raises TransientError when
        nothing moves for ``STALL_SECONDS`` (an open transaction keeps its records back), TerminalError when the topic
        is deleted meanwhile.
        """
        from confluent_kafka import TopicPartition

        open_ = {p: end[p] for p in end if start.get(p, 0) < end[p]}
        if not open_:
            return
        consumer = kafka.consumer(
            self._bootstrap,
            isolation_level=isolation,
            enable_partition_eof=True,
            queued_max_messages_kbytes=65536,
            fetch_message_max_bytes=4 << 20,
        )
        try:
            with kafka.translated(f"reading topic {self.topic}"):
                consumer.assign([TopicPartition(self.topic, p, start.get(p, 0)) for p in open_])
                yield from self._until(consumer, open_)
        finally:
            consumer.close()

    def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def _until(self, consumer: Consumer, open_: dict[int, int]) -> Iterator[list[Message]]:
        from confluent_kafka import KafkaError

        patience = Deadline(STALL_SECONDS)
        while open_:
            batch = []
            for message in _next(consumer):
                partition, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
                if error is None:
                    if partition in open_ and offset < open_[partition]:
                        batch.append(message)
                    reached = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached = offset
                else:
                    problem = kafka.translate(f"reading topic {self.topic}", error)
                    if not isinstance(problem, TransientError) or error.code() == KafkaError._AUTO_OFFSET_RESET:
                        raise problem
                    continue  # a broker that is away comes back, or patience ends
                if partition in open_ and reached >= open_[partition]:
                    del open_[partition]
            if batch:
                patience = Deadline(STALL_SECONDS)
                yield batch
            elif open_ and patience.passed:
                self._partitions()  # tells when the topic is gone
                partition, wanted = next(iter(open_.items()))
                raise TransientError(
                    f"topic {self.topic} partition {partition} could not be read up to offset {wanted} within"
                    f" {STALL_SECONDS:.0f} s.",
                    next_step="See whether a producer has left a transaction open.",
                    topic=self.topic,
                    partition=partition,
                )

    def _consumer(self) -> Consumer:
        if self._asking is None:
            self._asking = kafka.consumer(self._bootstrap, isolation_level="read_uncommitted")
        return self._asking

    def _partitions(self) -> list[int]:
        with kafka.translated(f"asking for topic {self.topic}"):
            found: Any = self._consumer().list_topics(self.topic, timeout=kafka.REQUEST_TIMEOUT_SECONDS).topics
        metadata = found.get(self.topic)
        if metadata is not None and metadata.error is not None:
            raise kafka.translate(f"asking for topic {self.topic}", metadata.error)
        if metadata is None or not metadata.partitions:
            raise TerminalError(
                f"there is no topic {self.topic}.", next_step="Create it, or correct its name in the declaration."
            )
        return sorted(metadata.partitions)


def _next(consumer: Consumer) -> list[Message]:
    """Wait for one message, then take what else has already arrived: asking for many at once waits for all of them."""
    first = consumer.poll(_POLL_SECONDS)
    return [] if first is None else [first, *consumer.consume(_BATCH, timeout=0)]
