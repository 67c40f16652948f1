"""Prepares topics, schema and table: ``python -m pipeline_checks.pipelines.market_data.flow.prepare``, any time."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from pipeline_checks.clients.kafka_topics import create_topics
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.avro import register, registry, schema_text
from pipeline_checks.pipelines.market_data.flow.kafka import declared_topics
from pipeline_checks.pipelines.market_data.flow.settings import IcebergSettings, KafkaSettings, load
from pipeline_checks.pipelines.market_data.flow.table.definition import catalog_of, create_table

_log = logging.getLogger(__name__)


def prepare() -> None:
    """Create topics, subject and table where they are missing. Raises an error of the project when one is refused."""
    kafka, iceberg = load(KafkaSettings), load(IcebergSettings)
    _log.info("topics created: %s", ", ".join(create_topics(kafka.bootstrap_servers, declared_topics(kafka))) or "none")
    schema_id = register(registry(kafka.schema_registry_url), kafka.subject, schema_text(kafka))
    _log.info("%s has the schema with id %d", kafka.subject, schema_id)
    create_table(catalog_of(iceberg), iceberg.table)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare; 0 when all is there, 2 for a wrong setting, 3 when something outside stood in the way."""
    argparse.ArgumentParser(
        prog="prepare", description="Create topics, schema and table. Settings: variables K2_*."
    ).parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        prepare()
    except PipelineChecksError as error:
        _log.error("%s", error)
        return 2 if isinstance(error, ConfigurationError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
