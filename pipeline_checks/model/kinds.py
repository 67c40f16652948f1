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
LEDGER_KINDS: Final = frozenset({"feed_ledger"})
"""What a feed says that it has sent: data begins here, and what follows is set against it entry by entry."""
CONNECTOR_KINDS: Final = frozenset({"service"})
ORIGIN_KINDS: Final = frozenset({"files"})
"""Kinds in which data begins that is only ever added to: no snapshot is needed to see a state of it."""
GROUP_KINDS: Final = frozenset({"consumer_group"})
"""Consumers of topics, which commit how far they have got and hold no rows."""
MODEL_KINDS: Final = frozenset({"model_file"})
"""Fitted models, which hold no rows."""
OBJECT_KINDS: Final = frozenset({"s3_files"})
"""Objects of a store that a service loads into a table, file by file."""
LOAD_LEDGER_KINDS: Final = frozenset({"load_ledger"})
"""What a service writes down of the files that it loads; holds no rows."""
LOAD_VIEW_KINDS: Final = frozenset({"load_api"})
"""What a service answers when it is asked about the files that it loads; holds no rows."""
LOADED_KINDS: Final = frozenset({"warehouse_table"})
"""Tables of a warehouse that are loaded whole from a table of a lake, or from files."""
DBT_KINDS: Final = frozenset({"dbt_model"})
"""Tables and views that dbt makes of others of the same warehouse."""
WAREHOUSE_KINDS: Final = LOADED_KINDS | DBT_KINDS
"""Kinds of which all stages of one database are read in one snapshot."""
