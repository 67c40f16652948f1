"""The messages of a run as they are in Kafka: consumed, with where each was found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from pipeline_checks.stages.topic_log import TopicLog


def consumed(brokers: str, topic: str, run_ids: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the messages of a topic whose header ``run_id`` is one of ``run_ids``.

    A value that is not JSON is given as text. Raises TransientError when the brokers cannot be reached.
    """
    log = TopicLog(brokers, topic)
    try:
        low, high = log.watermarks()
        for batch in log.records(low, high):
            for message in batch:
                headers = {name: _text(value) for name, value in message.headers() or ()}
                if headers.get("run_id") in run_ids:
                    yield _document(message, headers)
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


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
