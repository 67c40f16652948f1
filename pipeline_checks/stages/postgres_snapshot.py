"""One state of a Postgres database, held open: everything read through it is of the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.postgres import connect, describe, translated
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.position import parse_lsn

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composable

_SESSION = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 1; SET idle_in_transaction_session_timeout = 0; SET jit = off"
)
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Server:
    """One connection for questions that belong to no snapshot; opened when first used, and again after it broke."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def query(self, statement: str | Composable, parameters: Any = None, *, what: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; ``what`` says in an error what was being done."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
        with translated(what):
            return self._connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Snapshot:
    """A REPEATABLE READ transaction, and others that see the same through its exported snapshot.

    ``text`` is what ``pg_current_snapshot()`` said of it; ``lsn`` the newest place in the log when it was taken;
    ``in_recovery`` whether the server is a hot standby.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = connect(url)
        try:
            with translated(f"taking a snapshot of Postgres at {describe(url)}"):
                self._connection.execute(_SESSION)
                self._connection.execute(_BEGIN)
                row = self._connection.execute(
                    "SELECT pg_current_snapshot()::text, pg_export_snapshot(), pg_is_in_recovery(),"
                    " CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text"
                ).fetchone()
        except BaseException:
            self.close()
            raise
        assert row is not None
        self.text: str = row[0]
        self._exported: str = row[1]
        self.in_recovery: bool = row[2]
        self.lsn = parse_lsn(row[3] or "0/0")

    def query(self, statement: str | Composable, parameters: Any = None, *, what: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; ``what`` says in an error what was being done."""
        if self._connection is None:
            raise TransientError(f"{what}: the snapshot has been closed.")
        with translated(what):
            return self._connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    @contextmanager
    def another(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield a connection of its own that sees the same, for reading many rows while the first stays free."""
        connection = connect(self.url)
        try:
            connection.execute(_SESSION)
            connection.execute(_BEGIN)
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._exported}'")
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """End the transaction."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
