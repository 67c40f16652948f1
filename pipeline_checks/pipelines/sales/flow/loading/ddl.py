"""The tables of the warehouse that the flow fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.postgres import translated
from pipeline_checks.pipelines.sales.flow.columns import Column
from pipeline_checks.pipelines.sales.flow.tables import LOADS, RAW, RAW_SCHEMA

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql


def create_tables(connection: psycopg.Connection[Any], schema: str = RAW_SCHEMA) -> None:
    """Create schema and tables where they are missing, in one transaction."""
    from psycopg import sql

    with translated(f"creating the tables of {schema}"), connection.transaction():
        connection.execute(sql.SQL("SELECT pg_advisory_xact_lock(hashtext(%s))"), (f"ddl {schema}",))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        for name, (columns, key) in RAW.items():
            connection.execute(_table(schema, name, columns, key))
        loads = sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {})"
        ).format(sql.Identifier(schema, "loads"), _columns(LOADS))
        connection.execute(loads)


def _table(schema: str, name: str, columns: Sequence[Column], key: Sequence[str]) -> sql.Composed:
    from psycopg import sql

    return sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
        sql.Identifier(schema, name), _columns(columns), sql.SQL(", ").join(map(sql.Identifier, key))
    )


def _columns(columns: Sequence[Column]) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(", ").join(
        sql.SQL("{} {}{}").format(
            sql.Identifier(c.name), sql.SQL(c.postgres()), sql.SQL("" if c.nullable else " NOT NULL")
        )
        for c in columns
    )
