"""The rows of a source table, as a fault writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed


def source_of(pipeline: Pipeline, stage: StageDeclaration) -> StageDeclaration:
    """Return the source table that a stage is made from; raises TerminalError when it has none."""
    for found in (stage, *pipeline.ancestors(stage)):
        if found.kind == "postgres_table":
            return found
    raise TerminalError(f"{stage.name} is made from no table of Postgres.", next_step="Choose a stage that is.")


class SourceRows:
    """The table of a stage of kind ``postgres_table``."""

    def __init__(self, stage: StageDeclaration) -> None:
        self.stage = stage
        self.key = stage.contract.key
        self._connection: Any = getattr(stage, "connection", None)

    @property
    def name(self) -> str:
        """The table with its schema."""
        return str(getattr(self.stage, "table", ""))

    @contextmanager
    def open(self) -> Iterator[Connection[Any]]:
        """Open a connection that commits each statement."""
        with connect(resolve(self._connection.url)) as connection, translated(f"writing to {self.name}"):
            yield connection

    def identifier(self) -> Composed:
        """Return the quoted name of the table."""
        from psycopg import sql

        return sql.Composed([sql.Identifier(*self.name.split("."))])

    def keys(self) -> list[dict[str, Any]]:
        """Return the keys in their order."""
        from psycopg import sql

        columns = sql.SQL(", ").join(map(sql.Identifier, self.key))
        statement = sql.SQL("SELECT {c} FROM {t} ORDER BY {c}").format(c=columns, t=self.identifier())
        with self.open() as connection:
            return [dict(zip(self.key, row, strict=True)) for row in connection.execute(statement).fetchall()]

    def rows(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return rows as JSON values, as ``put_back`` takes them."""
        from psycopg import sql

        statement = sql.SQL("SELECT to_jsonb(t) FROM {t} t WHERE {w}").format(t=self.identifier(), w=self._where())
        with self.open() as connection:
            return [connection.execute(statement, key).fetchone()[0] for key in keys]  # type: ignore[index]

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows that are given as JSON values."""
        from psycopg import sql
        from psycopg.types.json import Jsonb

        statement = sql.SQL("INSERT INTO {t} SELECT * FROM jsonb_populate_record(NULL::{t}, %s)").format(
            t=self.identifier()
        )
        with self.open() as connection:
            for row in rows:
                connection.execute(statement, (Jsonb(dict(row)),))

    def delete(self, keys: Sequence[Mapping[str, Any]]) -> None:
        """Delete rows."""
        from psycopg import sql

        statement = sql.SQL("DELETE FROM {t} t WHERE {w}").format(t=self.identifier(), w=self._where())
        with self.open() as connection:
            for key in keys:
                connection.execute(statement, key)

    def set(self, keys: Sequence[Mapping[str, Any]], column: str, value: Any) -> None:
        """Write a value into a column of some rows."""
        from psycopg import sql

        statement = sql.SQL("UPDATE {t} t SET {c} = %(__value)s WHERE {w}").format(
            t=self.identifier(), c=sql.Identifier(column), w=self._where()
        )
        with self.open() as connection:
            for key in keys:
                connection.execute(statement, {**key, "__value": value})

    def touch(self, keys: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Write rows (all when no keys are given) as they are, large texts included, so that they are captured anew."""
        from psycopg import sql

        texts = [n for n, c in self.stage.contract.columns.items() if c.type.family == "string" and n not in self.key]
        sets = [sql.SQL("{c} = {c}").format(c=sql.Identifier(k)) for k in self.key]
        # Else a text that is kept out of line is not told again.
        sets += [sql.SQL("{c} = {c} || ''").format(c=sql.Identifier(n)) for n in texts]
        statement = sql.SQL("UPDATE {t} t SET {s}").format(t=self.identifier(), s=sql.SQL(", ").join(sets))
        with self.open() as connection:
            if keys is None:
                connection.execute(statement)
                return
            for key in keys:
                connection.execute(statement + sql.SQL(" WHERE ") + self._where(), key)

    def _where(self) -> Composed:
        from psycopg import sql

        return sql.SQL(" AND ").join(
            sql.SQL("t.{k} = {v}").format(k=sql.Identifier(k), v=sql.Placeholder(k)) for k in self.key
        )
