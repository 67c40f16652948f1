"""Stages of kind ``postgres_table``: a table of Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import LsnPosition, Position, parse_lsn
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_facts import Query
    from pipeline_checks.stages.postgres_pinned import PinnedPostgres
    from pipeline_checks.stages.postgres_snapshot import Server, Snapshot


class PostgresConnection(BaseModel):
    """Where the database is: a URL, with a password only in an environment variable.

    Of a hot standby ``primary`` is the URL of the server that it follows: the mark of a cut can only be written there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[SettingValue, Setting]
    primary: Annotated[SettingValue, Setting] | None = None


class PostgresTable(StageDeclaration):
    """A table of Postgres, ``table`` written as ``schema.table``, exactly as the catalog has the names."""

    kind: Literal["postgres_table"] = "postgres_table"
    connection: PostgresConnection
    table: str = Field(pattern=r"^[^.]+\.[^.]+$")

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """The two names."""
        schema, _, table = self.table.partition(".")
        return schema, table


class PostgresReader:
    """Asks a table by itself. Within a verification the cut hands tables out: see ``postgres_cut``."""

    def __init__(self, declaration: PostgresTable) -> None:
        self.declaration = declaration
        self._servers: dict[str, Server] = {}
        self._snapshots: list[Snapshot] = []

    def reached(self) -> Reached:
        """Return the newest place in the server's log; a table of its own has no other position."""
        rows = self._server(self.declaration.connection.url)(
            "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text",
            what="reading the position of the log",
        )
        return Reached(LsnPosition(parse_lsn(rows[0][0] or "0/0")))

    def at(self, position: Position) -> PinnedPostgres:
        """Return the table as it is when it is first asked: Postgres keeps no older states."""
        from pipeline_checks.stages.postgres_pinned import PinnedPostgres

        if not isinstance(position, LsnPosition):
            raise TerminalError(f"{self.declaration.name} has LSNs, not a position of kind {position.kind!r}.")
        # Replication slots are those of the server whose log is decoded.
        connection = self.declaration.connection
        server = self._server(connection.primary or connection.url)
        return PinnedPostgres(*self.declaration.schema_and_table, position, self._take_snapshot, server)

    def close(self) -> None:
        """Give back the connections."""
        for snapshot in self._snapshots:
            snapshot.close()
        self._snapshots.clear()
        for server in self._servers.values():
            server.close()

    def _server(self, setting: SettingValue) -> Query:
        from pipeline_checks.stages.postgres_snapshot import Server

        url = resolve(setting)
        if url not in self._servers:
            self._servers[url] = Server(url)
        return self._servers[url].query

    def _take_snapshot(self) -> Snapshot:
        from pipeline_checks.stages.postgres_snapshot import Snapshot

        self._snapshots.append(Snapshot(resolve(self.declaration.connection.url)))
        return self._snapshots[-1]


def open_stage(declaration: PostgresTable) -> PostgresReader:
    """Return the table as it can be asked."""
    return PostgresReader(declaration)
