"""The messages of a run as they are in Kafka: consumed, with where each was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from pipeline_checks.stages.topic_log import TopicLog


def between(brokers: str, topic: str, since: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the messages of a topic from the offsets ``since`` (by partition) to its end now.

    A value that is not JSON is given as text. Raises TransientError when the brokers cannot be reached.
    """
    log = TopicLog(brokers, topic)
    try:
        low, high = log.watermarks()
        first = {partition: max(offset, since.get(partition, 0)) for partition, offset in low.items()}
        return [
            _document(message, _headers(message.headers())) for batch in log.records(first, high) for message in batch
        ]
    finally:
        log.close()


def _document(message: Any, headers: dict[str, str]) -> dict[str, Any]:
    _, milliseconds = message.timestamp()
    value = message.value()
    try:
        content: Any = None if value is None else orjson.loads(value)
    except orjson.JSONDecodeError:
        content = _text(value)
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(),
        "key": None if message.key() is None else _text(message.key()),
        "headers": headers,
        "value": content,
    }


def _headers(given: Any) -> dict[str, str]:
    return {name: _text(value) for name, value in given or ()}


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
