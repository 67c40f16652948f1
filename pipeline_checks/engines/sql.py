"""SQL of DuckDB: names and texts quoted, and a connection that sees nothing but the rows it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
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
    """Open a connection for expressions that users write: no files, no extensions, no settings; times are in UTC.

    What is registered in it is seen by nobody else, and gone with it.
    """
    with _shut_in_database().cursor() as connection:
        yield connection


@cache
def _shut_in_database() -> duckdb.DuckDBPyConnection:
    # Starting a database costs more than most expressions; its connections share nothing but its settings.
    import duckdb

    database = duckdb.connect(":memory:")
    for statement in (
        "SET GLOBAL TimeZone = 'UTC'",
        "SET enable_progress_bar = false",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        database.execute(statement)
    return database
