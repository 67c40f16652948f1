"""What is watched: one watch for each kind of position, over the stages of all pipelines."""

from __future__ import annotations

from typing import Final

WATCHES: Final[dict[str, frozenset[str]]] = {
    "lsn": frozenset({"postgres_table", "warehouse_table", "dbt_model", "service", "load_ledger"}),
    "offsets": frozenset({"kafka_topic", "debezium_topic", "consumer_group"}),
    "version": frozenset({"delta_table"}),
    "snapshot": frozenset({"iceberg_table"}),
    "files": frozenset({"files", "s3_files", "model_file"}),
    "api": frozenset({"http_api", "feed_ledger"}),
}
"""Name of a watch to the kinds of stages whose positions it reads."""

CARRIED_KINDS: Final = frozenset({"load_api"})
"""Kinds whose position moves with the time alone: they are verified whenever what they are made from is."""
