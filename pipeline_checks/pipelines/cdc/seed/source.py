"""Writing rows to the source database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED

if TYPE_CHECKING:
    from psycopg import Connection

    Source = Connection[Any]


def open_source(*, autocommit: bool = False) -> Source:
    """Connect to the captured database, ``CDC_POSTGRES_URL``."""
    return connect(setting("CDC_POSTGRES_URL"), autocommit=autocommit, application_name="pipeline_checks.seed")


def insert(source: Source, table: str, rows: Iterable[dict[str, Any]], batch: int) -> Iterator[int]:
    """Insert the rows, committing every ``batch`` of them; yields the number written so far after each commit."""
    from psycopg import sql

    remaining, written = iter(rows), 0
    while chunk := list(islice(remaining, batch)):
        columns = list(chunk[0])
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(map(sql.Placeholder, columns)),
        )
        with translated(f"writing to {table}"), source.transaction(), source.cursor() as cursor:
            cursor.executemany(statement, chunk)
        written += len(chunk)
        yield written


def insert_one(source: Source, table: str, key: str, row: dict[str, Any]) -> int:
    """Insert one row in the transaction at hand and return its key."""
    from psycopg import sql

    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
        sql.Identifier(key),
    )
    found = source.execute(statement, row).fetchone()
    assert found is not None
    return int(found[0])


def keys(source: Source, table: str, key: str, beyond: int = 0) -> list[int]:
    """Return the keys above ``beyond`` in order."""
    from psycopg import sql

    statement = sql.SQL("SELECT {k} FROM {t} WHERE {k} > %s ORDER BY {k}").format(
        k=sql.Identifier(key), t=sql.Identifier(table)
    )
    with translated(f"reading {table}"):
        return [int(row[0]) for row in source.execute(statement, (beyond,)).fetchall()]


def counts(source: Source) -> dict[str, int]:
    """Return the number of rows of each captured table."""
    from psycopg import sql

    found: dict[str, int] = {}
    for table in CAPTURED:
        with translated(f"counting {table.name}"):
            row = source.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))).fetchone()
        found[table.name] = int(row[0]) if row else 0
    return found
