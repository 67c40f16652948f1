"""What becomes of a message: a prediction or a dead letter, each with the headers that lead back to its input."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from pipeline_checks.pipelines.churn.flow.instants import utc_text
from pipeline_checks.pipelines.churn.flow.names import (
    PROCESSING_MS,
    RUN_ID,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
)

ErrorType = Literal["validation_error", "processing_error", "inference_error", "unknown_error"]
ERROR_TYPES: Final[tuple[ErrorType, ...]] = (
    *("validation_error", "processing_error"),
    *("inference_error", "unknown_error"),
)


@dataclass(frozen=True)
class Input:
    """One record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Failure:
    """Why a message has no prediction; ``message`` is JSON."""

    error_type: ErrorType
    error_message: str
    message: Mapping[str, Any]
    validation_errors: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """A message and what became of it: exactly one of prediction and failure.

    ``seconds`` are those from reading the message to its outcome, ``parts`` those of each operation.
    """

    source: Input
    prediction: Mapping[str, Any] | None
    failure: Failure | None
    seconds: float
    parts: Mapping[str, float]

    def headers(self, run_id: str) -> list[tuple[str, bytes]]:
        """Return the headers of the record that is written for the message."""
        source = self.source
        return [
            (SOURCE_TOPIC, source.topic.encode()),
            (SOURCE_PARTITION, b"%d" % source.partition),
            (SOURCE_OFFSET, b"%d" % source.offset),
            (RUN_ID, run_id.encode()),
            (PROCESSING_MS, b"%.3f" % (self.seconds * 1000)),
        ]

    @property
    def key(self) -> bytes | None:
        """The key of the input; where it has none, the customer's id."""
        if self.source.key is not None:
            return self.source.key
        body = self.prediction if self.prediction is not None else self.failure.message if self.failure else {}
        name = body.get("customerID")
        return name.encode() if isinstance(name, str) else None


def unreadable(value: bytes | None, reason: str) -> Failure:
    """Return the failure of a value that is no JSON object, with its bytes kept."""
    raw = None if value is None else base64.b64encode(value).decode()
    return Failure(
        "processing_error",
        f"Message could not be read: {reason}",
        {"raw_base64": raw, "reason": reason},
    )


def read_object(value: bytes | None) -> Mapping[str, Any] | Failure:
    """Return the JSON object that a value holds, or why it holds none."""
    if value is None:
        return unreadable(value, "null_value")
    try:
        message = orjson.loads(value)
    except orjson.JSONDecodeError:
        return unreadable(value, "not_json" if _is_utf8(value) else "not_utf8")
    return message if isinstance(message, dict) else unreadable(value, "not_object")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def dead_letter(failure: Failure, source_topic: str, group: str | None, retry_count: int = 0) -> bytes:
    """Return the body of a dead letter.

    Parameters
    ----------
    group:
        The consumer group that gave up; None for the producer.
    retry_count:
        How often its publication has failed before.
    """
    body: dict[str, Any] = {
        "original_message": failure.message,
        "error_type": failure.error_type,
        "error_message": failure.error_message,
        "source_topic": source_topic,
        "failed_ts": utc_text(),
    }
    if failure.validation_errors:
        body["validation_errors"] = list(failure.validation_errors)
    if group is not None:
        body["consumer_group"] = group
    if retry_count:
        body["retry_count"] = retry_count
    return orjson.dumps(body)
