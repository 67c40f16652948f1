"""The topics with their declared partitions and configuration: made, compared with what is there, removed.

``python -m pipeline_checks.pipelines.churn.flow.topics --broker HOST:PORT [--suffix .test.x] [--profile test]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline_checks.clients.kafka import admin, translate, translated
from pipeline_checks.clients.kafka_topics import SECONDS, DeclaredTopic, await_leaders, create_topics
from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.pipelines.churn.flow.names import BROKER, DEAD_LETTER_TOPIC, PREDICTION_TOPIC, RAW_TOPIC

_COMMON: Final = {
    "cleanup.policy": "delete",
    # The time of the append, not that of the producer: latencies between topics are those of the broker's one clock.
    "message.timestamp.type": "LogAppendTime",
}
PROFILES: Final = {
    "dev": {**_COMMON, "retention.ms": "604800000"},
    "test": {**_COMMON, "retention.ms": "3600000", "segment.ms": "60000"},
}
_PARTITIONS: Final = {RAW_TOPIC: 3, PREDICTION_TOPIC: 3, DEAD_LETTER_TOPIC: 1}
_CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Deviation:
    """Where a topic is not as declared: ``what`` is ``exists``, ``partitions``, ``replication`` or a setting."""

    topic: str
    what: str
    declared: str
    actual: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.actual}, declared is {self.declared}"


def declared(suffix: str = "", profile: str = "dev") -> list[DeclaredTopic]:
    """Return the three topics; a suffix such as ``.test.4f2a`` keeps one test's records from another's."""
    return [DeclaredTopic(f"{name}{suffix}", n, dict(PROFILES[profile])) for name, n in _PARTITIONS.items()]


def create(bootstrap: str, topics: Sequence[DeclaredTopic], seconds: float = SECONDS) -> list[str]:
    """Create the topics that are not there and return their names, when all of them can be written to."""
    created = create_topics(bootstrap, topics, seconds)
    await_leaders(bootstrap, [t.name for t in topics], seconds)
    return created


def require(bootstrap: str, names: Sequence[str]) -> None:
    """Raise TerminalError naming the topics that are not there, TransientError when Kafka does not answer."""
    with translated(f"connecting to {bootstrap}"):
        present = admin(bootstrap).list_topics(timeout=_CONNECT_SECONDS).topics
    missing = [name for name in names if name not in present]
    if missing:
        raise TerminalError(
            f"there is no topic {', '.join(missing)}.",
            next_step="Create it: python -m pipeline_checks.pipelines.churn.flow.topics --broker HOST:PORT.",
        )


def compare(bootstrap: str, topics: Sequence[DeclaredTopic]) -> list[Deviation]:
    """Return everything in which the topics of the cluster differ from the declared ones."""
    from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

    client, found = admin(bootstrap), []
    with translated("reading the topics"):
        present = client.list_topics(timeout=SECONDS).topics
        there = [t for t in topics if t.name in present]
        found += [Deviation(t.name, "exists", "yes", "no") for t in topics if t not in there]
        resources = [ConfigResource(ResourceType.TOPIC, t.name) for t in there]
        answers = client.describe_configs(resources, request_timeout=SECONDS) if resources else {}
        configs = {resource.name: future.result() for resource, future in answers.items()}
    for topic in there:
        partitions = present[topic.name].partitions
        replication = {len(p.replicas) for p in partitions.values()}
        actual = {name: entry.value for name, entry in configs[topic.name].items()}
        pairs = [
            ("partitions", str(topic.partitions), str(len(partitions))),
            ("replication", str(topic.replication), "/".join(map(str, sorted(replication)))),
            *((name, value, str(actual.get(name))) for name, value in topic.config.items()),
        ]
        found += [Deviation(topic.name, what, wanted, is_) for what, wanted, is_ in pairs if wanted != is_]
    return found


def delete(bootstrap: str, topics: Sequence[DeclaredTopic]) -> None:
    """Delete the topics that are there."""
    from confluent_kafka import KafkaError, KafkaException

    client = admin(bootstrap)
    for name, future in client.delete_topics([t.name for t in topics], request_timeout=SECONDS).items():
        try:
            future.result()
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise translate(f"deleting the topic {name}", problem.args[0]) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Create the topics, or compare or delete them; exit 1 when they differ or Kafka cannot be reached."""
    parser = argparse.ArgumentParser(prog="churn-topics", description="The topics of the churn pipeline.")
    parser.add_argument("action", nargs="?", choices=("create", "compare", "delete"), default="create")
    parser.add_argument("--broker", default=BROKER)
    parser.add_argument("--suffix", default="", help="behind each name, such as .test.4f2a")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="dev")
    arguments = parser.parse_args(argv)
    topics = declared(arguments.suffix, arguments.profile)
    out = sys.stdout
    try:
        if arguments.action == "create":
            created = create(arguments.broker, topics)
            out.write(f"created: {', '.join(created) or 'none, they are there'}\n")
        elif arguments.action == "delete":
            delete(arguments.broker, topics)
            return 0
        deviations = compare(arguments.broker, topics)
    except PipelineChecksError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    for deviation in deviations:
        out.write(f"{deviation}\n")
    return 1 if deviations else 0


if __name__ == "__main__":
    sys.exit(main())
