"""Prepares folders, topics and tables: ``python -m pipeline_checks.pipelines.sales.flow.prepare``, any time."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline_checks.clients import kafka_topics
from pipeline_checks.clients.kafka_topics import DeclaredTopic
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.sales.flow.loading.ddl import create_tables
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC, PARTITIONS

_log = logging.getLogger("pipeline_checks.pipelines.sales.flow.prepare")
_TOPIC: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "message.timestamp.type": "LogAppendTime"}
"""The time of the append is the broker's: how long a message has waited is told by one clock."""


def create_topics(bootstrap: str, names: Sequence[str] = (LINES_TOPIC, EVENTS_TOPIC)) -> list[str]:
    """Create the topics that are not there and return their names, when all of them can be written to."""
    created = kafka_topics.create_topics(bootstrap, [DeclaredTopic(n, PARTITIONS, _TOPIC) for n in names])
    kafka_topics.await_leaders(bootstrap, names)
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
