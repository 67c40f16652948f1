"""SQL of DuckDB: names and texts quoted, and a connection that sees nothing but the rows it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as a literal."""
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def shut_in() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection for expressions that users write: no files, no extensions, no settings; times are in UTC."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        for statement in (
            "SET TimeZone = 'UTC'",
            "SET enable_progress_bar = false",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(statement)
        yield connection
