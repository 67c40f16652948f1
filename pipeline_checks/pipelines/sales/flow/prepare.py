"""Prepares folders, topics and tables: ``python -m pipeline_checks.pipelines.sales.flow.prepare``, any time."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline_checks.clients.kafka import admin, translate, translated
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError
from pipeline_checks.pipelines.sales.flow.loading.ddl import create_tables
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC, PARTITIONS

_log = logging.getLogger("pipeline_checks.pipelines.sales.flow.prepare")
_SECONDS: Final = 10.0
_TOPIC: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "message.timestamp.type": "LogAppendTime"}
"""The time of the append is the broker's: how long a message has waited is told by one clock."""


def create_topics(bootstrap: str, names: Sequence[str] = (LINES_TOPIC, EVENTS_TOPIC)) -> list[str]:
    """Create the topics that are not there and return their names, when all of them can be written to."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

    client, created = admin(bootstrap), []
    wanted = [NewTopic(n, num_partitions=PARTITIONS, replication_factor=1, config=_TOPIC) for n in names]
    for name, future in client.create_topics(wanted, request_timeout=_SECONDS).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translate(f"creating the topic {name}", problem.args[0]) from None

    def there() -> bool:
        known = client.list_topics(timeout=_SECONDS).topics
        return all(n in known and all(p.leader >= 0 for p in known[n].partitions.values()) for n in names)

    with translated("listing the topics"):
        if not Deadline(_SECONDS).wait_until(there, every=0.02):
            raise TransientError("the topics have no leader yet.", next_step="Look at the broker's log.")
    return created


def prepare() -> None:
    """Create what is missing. Raises an error of the project when something is refused."""
    for name in ("SALES_INPUT_PATH", "SALES_REFERENCE_PATH", "SALES_DELTA_PATH"):
        if "://" not in setting(name):
            Path(setting(name)).mkdir(parents=True, exist_ok=True)
    _log.info("topics created: %s", ", ".join(create_topics(setting("KAFKA_BOOTSTRAP_SERVERS"))) or "none")
    with connect(setting("SALES_WAREHOUSE_URL"), application_name="sales_prepare") as connection:
        create_tables(connection)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare; 0 when all is there, 2 for a wrong setting, 3 when something outside stood in the way."""
    argparse.ArgumentParser(prog="sales-prepare", description="Create folders, topics and tables.").parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        prepare()
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 2 if isinstance(problem, ConfigurationError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
