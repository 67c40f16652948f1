"""Connections to Kafka, and what its errors mean."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin import AdminClient

REQUEST_TIMEOUT_SECONDS = 5.0

_log = logging.getLogger(__name__)
_COMMON: dict[str, Any] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200,  # the default of 10 s adds 10 s to every restart of a broker
    "socket.connection.setup.timeout.ms": 5000,
    "log_level": 2,  # the library otherwise writes each refused connection to stderr
    "client.id": "pipeline_checks",
}


def consumer(bootstrap: str, **overrides: Any) -> Consumer:
    """Return a consumer that commits nothing and never creates a topic; give partitions to it by ``assign``.

    ``overrides`` are settings of librdkafka with dots written as underscores (``isolation_level``), and callbacks
    under their own names (``stats_cb``).
    """
    from confluent_kafka import Consumer

    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": f"pipeline_checks-{uuid.uuid4().hex[:12]}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": 20,
    }
    return Consumer(_settings(settings, overrides))


def producer(bootstrap: str, **overrides: Any) -> Producer:
    """Return an idempotent producer."""
    from confluent_kafka import Producer

    settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5}
    return Producer(_settings(settings, overrides))


def admin(bootstrap: str) -> AdminClient:
    """Return a client for topics and their configuration."""
    from confluent_kafka.admin import AdminClient

    return AdminClient(_settings({"bootstrap.servers": bootstrap}, {}))


def _settings(settings: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    given = {name if callable(value) else name.replace("_", "."): value for name, value in overrides.items()}
    return {**_COMMON, "error_cb": _note, **settings, **given}


def _note(error: KafkaError) -> None:
    _log.debug("kafka client: %s", error)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of the client into errors of this project; ``what`` says what was being done."""
    from confluent_kafka import KafkaException

    try:
        yield
    except PipelineChecksError:
        raise
    except KafkaException as problem:
        raise translate(what, problem.args[0]) from None


def translate(what: str, error: Any) -> PipelineChecksError:
    """Return the error of this project that stands for one of the client's.

    A topic or partition that is not there is terminal, a refusal a matter of configuration; all else may pass.
    """
    from confluent_kafka import KafkaError

    code = error.code() if isinstance(error, KafkaError) else None
    text = error.str() if isinstance(error, KafkaError) else str(error)
    if code in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_EXCEPTION,
    ):
        return TerminalError(f"{what}: {text}.", next_step="Create the topic, or correct its name in the declaration.")
    if code in (
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._INVALID_ARG,
    ):
        return ConfigurationError(f"{what}: {text}.", next_step="Correct the settings of the connection to Kafka.")
    return TransientError(f"{what}: {text}.", next_step="See that the brokers run and can be reached.")
