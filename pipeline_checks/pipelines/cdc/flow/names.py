"""Names that the parts of the flow share: prefix, topics, connector, slot, publication, lake tables."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "debezium"
SCHEMA: Final = "public"
CONNECTOR: Final = "postgres-cdc-connector"
SLOT: Final = f"{PREFIX}_slot"
PUBLICATION: Final = "dbz_publication"

MESSAGE_TOPIC: Final = f"{PREFIX}.message"
TRANSACTION_TOPIC: Final = f"{PREFIX}.transaction"
HEARTBEAT_TOPIC: Final = f"__debezium-heartbeat.{PREFIX}"

PARTITIONS: Final = 3
"""Partitions of each captured table's topic."""

ICEBERG_CATALOG: Final = "demo_catalog"
ICEBERG_NAMESPACE: Final = "cdc"
QUARANTINE: Final = "quarantine"
"""Name of the Delta table of records that could not be understood."""


def topic_of(table: str) -> str:
    """Return the topic of a captured table.

    >>> topic_of("customers")
    'debezium.public.customers'
    """
    return f"{PREFIX}.{SCHEMA}.{table}"


def changes_of(table: str) -> str:
    """Return the name of a table's change log in the lakes."""
    return f"{table}_changes"
