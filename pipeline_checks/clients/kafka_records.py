"""What topics hold: where their partitions begin and end, and their records up to there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pipeline_checks.clients.kafka import consumer, translate, translated
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

Ends = dict[str, dict[str, int]]
"""Next offset by topic and partition (as text, as JSON has it)."""

_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 10.0


def ends(bootstrap: str, topics: Sequence[str]) -> Ends:
    """Return the next offset of every partition; raises an error of this project when a topic is not there."""
    reader = consumer(bootstrap)
    try:
        return {topic: {p: high for p, (_, high) in _watermarks(reader, topic).items()} for topic in topics}
    finally:
        reader.close()


def records_since(bootstrap: str, begins: Mapping[str, Mapping[str, int]]) -> Iterator[Message]:
    """Yield the records of topics from the given offsets on, up to where the topics end now."""
    from confluent_kafka import TopicPartition

    reader = consumer(bootstrap, auto_offset_reset="earliest")
    try:
        wanted = {}
        for topic, offsets in begins.items():
            for partition, (low, end) in _watermarks(reader, topic).items():
                begin = max(low, offsets.get(partition, 0))
                if begin < end:
                    wanted[topic, int(partition)] = (begin, end)
        reader.assign([TopicPartition(t, p, begin) for (t, p), (begin, _) in wanted.items()])
        yield from _until(reader, {place: end for place, (_, end) in wanted.items()})
    finally:
        reader.close()


def header(message: Message, name: str) -> str:
    """Return the text of a record's header, empty when it has none of that name."""
    value: object = dict(message.headers() or ()).get(name)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _watermarks(reader: Consumer, topic: str) -> dict[str, tuple[int, int]]:
    from confluent_kafka import TopicPartition

    with translated(f"reading the ends of {topic}"):
        known = reader.list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic]
        if known.error is not None:
            raise translate(f"the topic {topic}", known.error)
        found = {}
        for partition in sorted(known.partitions):
            found[str(partition)] = _ends_of(reader, TopicPartition(topic, partition))
        return found


def _ends_of(reader: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Return low and high watermark; a topic that was made a moment ago may have no leader yet."""
    from confluent_kafka import KafkaException

    problems: list[KafkaException] = []

    def asked() -> tuple[int, int] | None:
        try:
            return reader.get_watermark_offsets(place, timeout=_REQUEST_SECONDS, cached=False)
        except KafkaException as problem:
            problems.append(problem)
            return None

    found = Deadline(_REQUEST_SECONDS).wait_until(asked, every=0.1)
    if found is None:
        raise problems[-1]
    return found


def _until(reader: Consumer, stops: dict[tuple[str, int], int]) -> Iterator[Message]:
    """Yield the records up to the given ends."""
    from confluent_kafka import TopicPartition

    deadline, left = Deadline(_SECONDS), dict(stops)
    while left:
        for message in reader.consume(1000, 0.2):
            error = message.error()
            if error is not None:
                raise translate("reading what was sent before", error)
            yield message
        for place, end in list(left.items()):
            (position,) = reader.position([TopicPartition(*place)])
            if position.offset >= end:
                del left[place]
        if left and deadline.passed:
            raise TransientError(
                f"what was sent before could not be read within {_SECONDS:.0f} s.",
                next_step="See that the broker can be reached, then start again.",
            )
