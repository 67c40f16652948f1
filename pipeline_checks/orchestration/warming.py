"""Imports what verifications need while nothing has moved: the first import takes seconds that a finding would wait."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

_LIBRARIES = (
    "polars",
    "duckdb",
    "pyarrow.dataset",
    "confluent_kafka.admin",
    "psycopg",
    "deltalake",
    "pyiceberg.catalog.sql",
    "pyiceberg.table",
    "httpx",
)


@cache
def warm_up() -> None:
    """Import the drivers and engines that are installed; those of extras may not be."""
    for name in _LIBRARIES:
        if find_spec(name.partition(".")[0]) is not None:
            import_module(name)
