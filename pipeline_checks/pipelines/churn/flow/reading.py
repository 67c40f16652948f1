"""The consumer group's side: which partitions are ours, from where they are read, and what was handled of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.kafka import consumer, translate, translated
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.churn.flow.outcomes import Input
from pipeline_checks.pipelines.churn.flow.stopping import STOPPING_SECONDS, Stop

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

_log = logging.getLogger(__name__)

_COMMITTED_SECONDS: Final = 30.0
"""An open transaction of a killed member withholds its offsets until it has ended."""
_STEP_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.02
"""How long messages are gathered behind the first, so that they go through the model together."""


class Reader:
    """Reads a topic as a member of a group and hands every message out once, whatever the group does meanwhile.

    A rebalance may leave messages of a partition in the client that has been given to another member, or given away
    and back. So the next offset of each partition is kept here, and a message that is not ours or not next is dropped.

    Parameters
    ----------
    instance:
        A name under which a restarted process takes over at once what its predecessor held.
    """

    def __init__(
        self, bootstrap: str, topic: str, group: str, *, session_timeout_ms: int, instance: str | None = None
    ) -> None:
        settings: dict[str, Any] = {"group_instance_id": instance} if instance else {}
        self.topic = topic
        self._next: dict[int, int | None] = {}
        self._idle_since: float | None = None
        self.consumer: Consumer = consumer(
            bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=max(100, session_timeout_ms // 5),
            queued_min_messages=20_000,
            # Behind a restart of the broker the client may go on waiting for a coordinator it has dropped.
            coordinator_query_interval_ms=1000,
            **settings,
        )
        self.consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def read(self, limit: int, seconds: float) -> list[Input]:
        """Return the next messages, at most ``limit``; wait for the first at most ``seconds``."""
        with translated(f"reading {self.topic}"):
            first = self.consumer.poll(seconds)
            if first is None:
                return []
            found: list[Message] = [first]
            if limit > 1:
                found += self.consumer.consume(limit - 1, _GATHER_SECONDS)
        inputs = list(self._next_ones(found))
        if inputs:
            self._idle_since = monotonic()
        return inputs

    def _next_ones(self, messages: Iterable[Message]) -> Iterable[Input]:
        from confluent_kafka import KafkaError

        expected = dict(self._next)
        for message in messages:
            error = message.error()
            if error is not None:
                problem = translate(f"reading {self.topic}", error)
                # A fatal one tells so by its code alone: a client that was shut out never gets partitions again.
                if error.fatal() or error.code() == KafkaError._FATAL or isinstance(problem, TerminalError):
                    raise problem
                _log.warning("%s", problem)
                continue
            partition, offset = message.partition(), message.offset()
            assert partition is not None and offset is not None
            if partition not in expected or offset < (expected[partition] or 0):
                continue  # of a partition that has gone, or read again by a new assignment
            expected[partition] = offset + 1
            key = message.key()
            yield Input(self.topic, partition, offset, key.encode() if isinstance(key, str) else key, _value(message))

    @staticmethod
    def behind(batch: Sequence[Input]) -> dict[int, int]:
        """Return by partition the offset behind the last message of a batch."""
        return {one.partition: one.offset + 1 for one in batch}

    def offsets(self, behind: dict[int, int]) -> list[TopicPartition]:
        """Return offsets in the client's form."""
        from confluent_kafka import TopicPartition

        return [TopicPartition(self.topic, partition, offset) for partition, offset in behind.items()]

    def advance(self, behind: dict[int, int]) -> None:
        """Note that everything before these offsets is done."""
        self._next.update(behind)

    def rewind(self, stop: Stop) -> None:
        """Read again from what the group has committed; raises an error of this project when nobody tells it."""
        from confluent_kafka import KafkaException

        begun = monotonic()
        while self._next:
            try:
                self._begin_at_committed(list(self._next), _STEP_SECONDS)
                return
            except KafkaException as problem:
                if stop.patience(begun + _COMMITTED_SECONDS - monotonic(), STOPPING_SECONDS) <= 0:
                    raise translate("reading the committed offsets", problem.args[0]) from None

    def idle_seconds(self) -> float | None:
        """Return for how long no message came, None while no partitions have been given out."""
        return None if self._idle_since is None else monotonic() - self._idle_since

    def lag(self) -> dict[int, int]:
        """Return by partition how many offsets the group is behind, as far as the end is known."""
        from confluent_kafka import TopicPartition

        lags = {}
        for partition, position in self._next.items():
            low, high = self.consumer.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
            if high >= 0:
                lags[partition] = high - (position if position is not None else max(low, 0))
        return lags

    def close(self) -> None:
        """Leave the group."""
        self.consumer.close()

    # callbacks, called within poll and consume

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("partitions assigned: %s", [p.partition for p in partitions])
        self._idle_since = monotonic()
        self._begin_at_committed([p.partition for p in partitions], _COMMITTED_SECONDS)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("partitions revoked: %s", [p.partition for p in partitions])
        self._next.clear()
        self.consumer.unassign()

    def _begin_at_committed(self, partitions: Sequence[int], seconds: float) -> None:
        from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

        wanted = [TopicPartition(self.topic, p) for p in partitions]
        committed = self.consumer.committed(wanted, timeout=seconds) if wanted else []
        for refused in (p.error for p in committed if p.error is not None):
            raise KafkaException(refused)
        self._next = {p.partition: p.offset if p.offset >= 0 else None for p in committed}
        self.consumer.assign(
            [
                TopicPartition(self.topic, p, OFFSET_BEGINNING if offset is None else offset)
                for p, offset in self._next.items()
            ]
        )


def _value(message: Message) -> bytes | None:
    value = message.value()
    return value.encode() if isinstance(value, str) else value
