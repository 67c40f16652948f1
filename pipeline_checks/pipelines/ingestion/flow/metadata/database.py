"""Connections to the metadata: sessions, and what becomes of the driver's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pipeline_checks.clients.postgres import describe
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

WAKE_CHANNEL: Final = "ingestion_runs"
"""Workers listen here for runs that wait."""
_SECONDS: Final = 5
_OPTIONS: Final = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


class Database:
    """The metadata of the service.

    Parameters
    ----------
    url:
        ``postgresql://user@host:port/database``.
    connections:
        How many may be open at once; whoever comes later waits for five seconds.
    """

    def __init__(self, url: str, *, connections: int = 10) -> None:
        if not url.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError(
                "the metadata lie in Postgres only.", next_step="Set INGESTION_DATABASE_URL to postgresql://..."
            )
        self.place = describe(url)
        self.plain_url = url
        with self._translated():
            self.engine = sa.create_engine(
                "postgresql+psycopg://" + url.partition("://")[2],
                pool_size=connections,
                max_overflow=0,
                pool_timeout=_SECONDS,
                pool_pre_ping=True,
                connect_args={"connect_timeout": _SECONDS, "application_name": "ingestion", **_OPTIONS},
            )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give one transaction: kept when the block ends, taken back when it raises.

        Raises TransientError when the server is away, TerminalError for whatever else it refuses; a violated
        constraint is left as it is, for the caller to say what it means.
        """
        with self._translated(), self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (PipelineChecksError, sa.exc.IntegrityError):
            raise
        except SQLAlchemyError as problem:  # its text has the statement and may have values
            raise _error(self.place, problem) from problem


def _error(place: str, problem: SQLAlchemyError) -> PipelineChecksError:
    away = isinstance(problem, sa.exc.TimeoutError | sa.exc.OperationalError | sa.exc.InterfaceError)
    if away or (isinstance(problem, DBAPIError) and problem.connection_invalidated):
        return TransientError(f"the metadata in Postgres at {place} do not answer.", next_step="See that it runs.")
    if isinstance(problem, sa.exc.ProgrammingError):
        return TerminalError(
            f"the metadata in Postgres at {place} are not as this program knows them.",
            next_step="Bring them up to date: python -m pipeline_checks.pipelines.ingestion.flow.prepare.",
        )
    return TerminalError(f"the metadata in Postgres at {place} refuse: {type(problem).__name__}.")
