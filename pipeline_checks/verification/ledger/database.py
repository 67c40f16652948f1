"""The database of a ledger: connections, transactions, its version, and what becomes of its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.verification.ledger.location import Location

VERSION_TABLE: Final = "ledger_version"
REVISIONS: Final = ("0001", "0002")
"""The versions of the tables that this program knows, oldest first; each is a script of ``migrations``."""
PATIENCE: Final = 5.0
"""Seconds to wait for another writer, or for a server to answer."""
_MIGRATION_LOCK: Final = 7_165_326_011
"""Number of the advisory lock under which the tables of a Postgres ledger are made."""
_WRITES: Final = "ledger_writes"


class Database:
    """Connections to a ledger, made when the first is needed.

    Parameters
    ----------
    create:
        Whether a file and tables that are not there are made. Without, their absence is an error.
    """

    def __init__(self, place: Location, *, create: bool = True) -> None:
        self.place = place
        self._create = create
        self._engine: sa.Engine | None = None

    @property
    def dialect(self) -> str:
        """The name of the database system."""
        return self.place.url.get_backend_name()

    def close(self) -> None:
        """Give back all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state of the ledger.

        Raises TransientError when the ledger is locked or does not answer, TerminalError when it cannot be read or was
        made by a newer program.
        """
        with self._translated(), self._opened().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept together, or not at all; raises as ``reading`` does."""
        with self._translated(), _for_writing(self._opened()) as connection:
            yield connection

    def _opened(self) -> sa.Engine:
        if self._engine is None:
            file = self.place.file
            if file is not None and not file.exists():
                if not self._create:
                    raise _absent(self.place)
                file.parent.mkdir(parents=True, exist_ok=True)
            engine = _engine(self.place)
            try:
                self._require_version(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
        return self._engine

    def _require_version(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            found = _version(connection)
        if found == REVISIONS[-1]:
            return
        if found is not None and found not in REVISIONS:
            raise TerminalError(
                f"the ledger {self.place} has version {found}, this program knows up to {REVISIONS[-1]}",
                next_step="Use the newer pipeline-checks that wrote it, or name another ledger.",
                version=found,
            )
        if found is None and not self._create:
            raise _absent(self.place)
        from pipeline_checks.verification.ledger.migrations.upgrade import upgrade

        with _for_writing(engine) as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            if _version(connection) != REVISIONS[-1]:  # another process may have been faster
                upgrade(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PipelineChecksError:
            raise
        except OSError as problem:
            raise TerminalError(
                f"the ledger {self.place} cannot be written: {problem.strerror}",
                next_step="Set PIPELINE_CHECKS_HOME to a folder that you may write to.",
            ) from None
        except SQLAlchemyError as problem:  # its text has the statement, and may have values of rows
            raise _error(self.place, problem) from None


@contextmanager
def _for_writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def _engine(place: Location) -> sa.Engine:
    if place.file is None:
        connect: dict[str, Any] = {"connect_timeout": round(PATIENCE), "application_name": "pipeline-checks ledger"}
        connect["options"] = f"-c lock_timeout={round(PATIENCE * 1000)}"
        return sa.create_engine(place.url, connect_args=connect, pool_size=1, hide_parameters=True)
    engine = sa.create_engine(place.url, connect_args={"timeout": PATIENCE}, pool_size=1, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver would begin on its own, and too late for a snapshot of reads
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads before it writes fails at once when another has written in between; a writer queues.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def _absent(place: Location) -> PipelineChecksError:
    return TerminalError(
        f"there is no ledger at {place}",
        next_step="Every verification writes it: run `pipeline-checks check` first.",
    )


def _error(place: Location, problem: SQLAlchemyError) -> PipelineChecksError:
    cause = problem.orig if isinstance(problem, DBAPIError) and problem.orig is not None else problem
    said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    password = place.url.password
    if password:
        said = said.replace(str(password), "***")
    if "locked" in said or "lock timeout" in said:
        return TransientError(
            f"the ledger {place} is locked by another writer", next_step="Try again when that has ended."
        )
    if isinstance(problem, sa.exc.OperationalError) and place.file is None:
        return TransientError(
            f"the ledger {place} does not answer: {said}", next_step="Look at the database and its URL."
        )
    remedy = "Move the file away; a new ledger is begun then." if place.file is not None else "Look at the database."
    return TerminalError(f"the ledger {place} cannot be used: {said}", next_step=remedy)
