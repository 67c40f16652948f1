"""A warehouse of a test's own: its raw tables, what is put into them, and what the models made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pipeline_checks.clients.postgres import connect
from pipeline_checks.pipelines.sales.flow.loading.ddl import create_tables


@dataclass(frozen=True)
class Warehouse:
    """One database."""

    url: str

    def prepare(self) -> None:
        """Make the raw tables."""
        with connect(self.url) as connection:
            create_tables(connection)

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Put rows into a raw table and say so in raw.loads, in one transaction; returns the load's number."""
        rows = list(rows)
        with connect(self.url, autocommit=False) as connection:
            if rows:
                names = list(rows[0])
                statement = sql.SQL("INSERT INTO raw.{} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, names)),
                    sql.SQL(", ").join(sql.Placeholder() * len(names)),
                )
                connection.cursor().executemany(statement, [tuple(row[n] for n in names) for row in rows])
            number = connection.execute(
                "INSERT INTO raw.loads (table_name, delta_version, covers, loaded_rows, loaded_at)"
                " VALUES (%s, %s, %s, %s, now()) RETURNING load_id",
                [table, None, json.dumps({"sales_lines": {"0": len(rows)}}), len(rows)],
            ).fetchone()
            connection.commit()
        assert number is not None
        return int(number[0])

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with connect(self.url) as connection:
            return connection.execute(statement, parameters or None).fetchall()

    def execute(self, *statements: Any) -> None:
        """Run statements."""
        with connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement)

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def clear(self) -> None:
        """Remove all raw rows."""
        self.execute("TRUNCATE raw.sales_batch_raw, raw.sales_raw, raw.product_raw, raw.store_raw")
