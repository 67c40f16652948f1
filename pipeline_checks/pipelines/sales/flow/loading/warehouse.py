"""Writes changes into a table of the warehouse: rows, and what they cover, in one transaction."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pipeline_checks.clients.postgres import translated
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.sales.flow.lake.covers import to_json
from pipeline_checks.pipelines.sales.flow.loading.changes import Changes
from pipeline_checks.pipelines.sales.flow.tables import RAW, RAW_SCHEMA

if TYPE_CHECKING:
    import polars as pl
    import psycopg

_INSTANT = "%Y-%m-%dT%H:%M:%S%.6f%:z"


class Warehouse:
    """The raw tables of one schema."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str = RAW_SCHEMA) -> None:
        self._connection = connection
        self._schema = schema

    def loaded_version(self, name: str) -> int | None:
        """Return the Delta version that a table equals, None when nothing was loaded."""
        found = self._last(name, "delta_version")
        return None if found is None else int(found)

    def loaded_covers(self, name: str) -> Mapping[str, Any] | None:
        """Return what the last load of a table covers."""
        found: Mapping[str, Any] | None = self._last(name, "covers")
        return found

    def load(self, name: str, changes: Changes, expected: int | None) -> int:
        """Bring a table, which equals the version ``expected``, to another; return the rows written or removed.

        Raises TransientError when somebody else has loaded it meanwhile: nothing is written then.
        """
        columns, key = RAW[name]
        with translated(f"loading {name}"), self._connection.transaction():
            self._lock(name)
            if self.loaded_version(name) != expected:
                raise TransientError(f"{name} was loaded by somebody else.", next_step="Run one loader.")
            if changes.since is None:
                self._execute("DELETE FROM {table}", name)
            removed = self._remove(name, key, changes.removed)
            written = self._write(name, [c.name for c in columns], key, changes.written)
            self._record(name, changes.version, to_json(changes.covers), written + removed)
        return written + removed

    def replace(self, name: str, rows: pl.DataFrame, covers: Mapping[str, Any]) -> int:
        """Put rows in the place of all that a table holds; readers see the old or the new ones."""
        columns, key = RAW[name]
        with translated(f"loading {name}"), self._connection.transaction():
            self._lock(name)
            self._execute("DELETE FROM {table}", name)
            written = self._write(name, [c.name for c in columns], key, rows)
            self._record(name, None, covers, written)
        return written

    def _remove(self, name: str, key: Sequence[str], keys: pl.DataFrame) -> int:
        if not keys.height:
            return 0
        matched = " AND ".join(f"{{table}}.{{{n}}} = s.{{{n}}}" for n in key)
        self._stage(name, keys)
        done = self._execute(f"DELETE FROM {{table}} USING staged s WHERE {matched}", name, {n: n for n in key})
        self._connection.execute("DROP TABLE staged")
        return done

    def _write(self, name: str, names: Sequence[str], key: Sequence[str], rows: pl.DataFrame) -> int:
        if not rows.height:
            return 0
        self._stage(name, rows.select(names))
        listed = ", ".join(f"{{{n}}}" for n in names)
        changed = ", ".join(f"{{{n}}} = EXCLUDED.{{{n}}}" for n in names if n not in key)
        keyed = ", ".join(f"{{{n}}}" for n in key)
        done = self._execute(
            f"INSERT INTO {{table}} ({listed}) SELECT {listed} FROM staged"
            f" ON CONFLICT ({keyed}) DO UPDATE SET {changed}",
            name,
            {n: n for n in names},
        )
        self._connection.execute("DROP TABLE staged")
        return done

    def _stage(self, name: str, rows: pl.DataFrame) -> None:
        """Copy rows into a table of this transaction that has their columns as the target has them."""
        from psycopg import sql

        listed = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
        target = sql.Identifier(self._schema, name)
        self._connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                listed, target
            )
        )
        text = io.BytesIO()
        rows.write_csv(text, include_header=False, datetime_format=_INSTANT, quote_style="necessary", null_value="")
        text.seek(0)
        with self._connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN (FORMAT csv)") as copy:
            while piece := text.read(1 << 20):
                copy.write(piece)

    def _record(self, name: str, version: int | None, covers: Mapping[str, Any], rows: int) -> None:
        self._execute(
            "INSERT INTO {loads} (table_name, delta_version, covers, loaded_rows, loaded_at)"
            " VALUES (%s, %s, %s::jsonb, %s, clock_timestamp())",
            name,
            values=(name, version, orjson.dumps(covers).decode(), rows),
        )

    def _lock(self, name: str) -> None:
        """Let one loader of a table in at a time, to the end of the transaction."""
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self._schema}.{name}",))

    def _last(self, name: str, column: str) -> Any:
        from psycopg import sql

        statement = sql.SQL("SELECT {} FROM {} WHERE table_name = %s ORDER BY load_id DESC LIMIT 1").format(
            sql.Identifier(column), sql.Identifier(self._schema, "loads")
        )
        with translated(f"reading the loads of {name}"):
            found = self._connection.execute(statement, (name,)).fetchone()
        return None if found is None else found[0]

    def _execute(
        self, statement: str, name: str, identifiers: Mapping[str, str] | None = None, values: Sequence[Any] = ()
    ) -> int:
        from psycopg import sql

        quoted = {n: sql.Identifier(column) for n, column in (identifiers or {}).items()}
        whole = sql.SQL(statement).format(
            table=sql.Identifier(self._schema, name), loads=sql.Identifier(self._schema, "loads"), **quoted
        )
        return self._connection.execute(whole, values or None).rowcount
