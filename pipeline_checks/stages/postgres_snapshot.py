"""One state of a Postgres database, held open: everything read through it is of the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.postgres import connect, describe, translated
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.position import parse_lsn

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composable

_FORMS = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 1; SET jit = off; "
)
# Policies that hide rows from the role are an error, not fewer rows. When this machine is gone, the server notices, and
# holds neither the snapshot nor the locks any longer.
_CONDUCT = (
    "SET row_security = off; SET idle_in_transaction_session_timeout = 0; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
)
LOCK_SECONDS = 30
"""How long a statement waits for a table that another session is altering."""
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
        self._asking = threading.Lock()
        self._lost: PipelineChecksError | None = None
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = connect(url)
        try:
            with translated(f"taking a snapshot of Postgres at {describe(url)}"):
                _begin(self._connection)
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
        with self._statement(what) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def column_names(self, statement: str | Composable, *, what: str) -> list[str]:
        """Return the names of the columns that a statement gives."""
        with self._statement(what) as connection:
            told = connection.execute(statement).description  # type: ignore[arg-type]
            return [column.name for column in told or ()]

    @contextmanager
    def _statement(self, what: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield the connection for one statement, within a savepoint: when it fails, the snapshot is still held."""
        with self._asking:
            if self._lost is not None:
                raise type(self._lost)(
                    f"{what}: the snapshot is lost: {self._lost.message}", next_step=self._lost.next_step
                )
            connection = self._connection
            if connection is None:
                raise TransientError(f"{what}: the snapshot has been closed.")
            try:
                with translated(what), connection.transaction():
                    yield connection
            except PipelineChecksError as problem:
                if connection.closed:
                    self._lost = problem
                raise

    @contextmanager
    def another(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield a connection of its own that sees the same, for reading many rows while the first stays free."""
        connection = connect(self.url)
        try:
            with self._sharing():
                _begin(connection)
                connection.execute(f"SET TRANSACTION SNAPSHOT '{self._exported}'")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _sharing(self) -> Iterator[None]:
        what = f"sharing a snapshot of Postgres at {describe(self.url)}"
        try:
            with translated(what):
                yield
        except PipelineChecksError:
            self.query("SELECT 1", what=what)  # tells why the snapshot is not there any more, when that is the cause
            raise

    def close(self) -> None:
        """End the transaction."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _begin(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    connection.execute(f"{_FORMS}{_CONDUCT}SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.execute(_BEGIN)
