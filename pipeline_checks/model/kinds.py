"""Kinds of stages, by what verification has to know of them."""

from __future__ import annotations

from typing import Final

SOURCE_KINDS: Final = frozenset({"postgres_table"})
"""A table in which the data begins, seen through a snapshot."""
EVENT_TOPIC_KINDS: Final = frozenset({"debezium_topic"})
"""Topics whose records are change events, and can be malformed."""
TOPIC_KINDS: Final = frozenset({"debezium_topic", "kafka_topic"})
LAKE_KINDS: Final = frozenset({"delta_table", "iceberg_table"})
SERVED_KINDS: Final = frozenset({"http_api"})
"""Kinds that hand out the rows of the stage they are made from, and hold none of their own."""
CONNECTOR_KINDS: Final = frozenset({"service"})
