"""Topics with their declared partitions and configuration, created where they are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline_checks.clients.kafka import admin, translate, translated
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError

SECONDS: Final = 10.0
"""How long a request about topics may take."""


@dataclass(frozen=True)
class DeclaredTopic:
    """A topic as it must be; ``config`` are settings of the topic by their names in Kafka."""

    name: str
    partitions: int
    config: Mapping[str, str]
    replication: int = 1


def create_topics(bootstrap: str, topics: Sequence[DeclaredTopic], seconds: float = SECONDS) -> list[str]:
    """Create the topics that are not there and return their names; one that another creates meanwhile is no error.

    Raises errors of ``clients.kafka`` when Kafka does not answer within ``seconds`` or refuses.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

    client, created = admin(bootstrap), []
    with translated("listing the topics"):
        present = client.list_topics(timeout=seconds).topics
    missing = [
        NewTopic(t.name, num_partitions=t.partitions, replication_factor=t.replication, config=dict(t.config))
        for t in topics
        if t.name not in present
    ]
    if not missing:
        return []
    for name, future in client.create_topics(missing, request_timeout=seconds).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translate(f"creating the topic {name}", problem.args[0]) from None
    return created


def await_leaders(bootstrap: str, names: Sequence[str], seconds: float = SECONDS) -> None:
    """Wait until each topic can be written to; raises TransientError when that takes longer."""
    client = admin(bootstrap)

    def there() -> bool:
        known = client.list_topics(timeout=seconds).topics
        return all(n in known and all(p.leader >= 0 for p in known[n].partitions.values()) for n in names)

    with translated("listing the topics"):
        if not Deadline(seconds).wait_until(there, every=0.02):
            raise TransientError("the topics have no leader yet.", next_step="Look at the broker's log.")
