"""The topics of the pipeline, created with stated partitions and retention."""

from __future__ import annotations

from typing import Final

from pipeline_checks.clients.kafka import admin
from pipeline_checks.clients.kafka_topics import DeclaredTopic
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow.names import (
    HEARTBEAT_TOPIC,
    MESSAGE_TOPIC,
    PARTITIONS,
    TRANSACTION_TOPIC,
    topic_of,
)
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED

DAY: Final = 24 * 3600 * 1000
TOPIC_CONFIG: Final = {
    "cleanup.policy": "delete",
    "retention.ms": str(30 * DAY),
    "retention.bytes": "-1",
    # The time of the append, not that of the producer: the second of the four times of an event.
    "message.timestamp.type": "LogAppendTime",
}


def topics() -> dict[str, int]:
    """Return all topics of the pipeline with the number of their partitions."""
    return {topic_of(t.name): PARTITIONS for t in CAPTURED} | {
        MESSAGE_TOPIC: 1,
        TRANSACTION_TOPIC: 1,
        HEARTBEAT_TOPIC: 1,
    }


def declared() -> list[DeclaredTopic]:
    """Return all topics of the pipeline as they must be."""
    return [DeclaredTopic(name, number, TOPIC_CONFIG) for name, number in topics().items()]


def partitions(bootstrap: str, deadline: Deadline) -> dict[str, list[int]] | None:
    """Return the partitions of each captured table's topic once all are there, None when the deadline passes before."""
    from confluent_kafka import KafkaException

    client = admin(bootstrap)
    wanted = [topic_of(t.name) for t in CAPTURED]

    def found() -> dict[str, list[int]] | None:
        try:
            present = client.list_topics(timeout=2).topics
        except KafkaException:
            return None
        if any(name not in present or not present[name].partitions for name in wanted):
            return None
        return {name: sorted(present[name].partitions) for name in wanted}

    return deadline.wait_until(found, every=0.1)
