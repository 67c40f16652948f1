"""Connections to Postgres, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline_checks.model.errors import (
    ConfigurationError,
    PipelineChecksError,
    SnapshotLostError,
    TerminalError,
    TransientError,
)

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_SECONDS = 5
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_WRONG_SETTINGS = ("28", "3D", "3F")
"""SQLSTATE classes: invalid authorization, invalid catalog name, invalid schema name."""
_COME_BACK_LATER = ("08", "53", "57", "40")
"""SQLSTATE classes: connection, insufficient resources, operator intervention, transaction rollback."""
_CONFLICT_WITH_RECOVERY = "conflict with recovery"
_LOCK_NOT_AVAILABLE = "55P03"
_WRONG_AT_CONNECT = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


def describe(url: str) -> str:
    """Return host, port and database of a URL, without user and password.

    >>> describe("postgresql://me:secret@db.example:5433/shop")
    'db.example:5433/shop'
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("postgresql", "postgres"):
            return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path or '/'}"
    except ValueError:
        pass
    return "its URL"


def connect(
    url: str, *, autocommit: bool = True, application_name: str = "pipeline_checks", read_only: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection.

    Raises ConfigurationError when user, password or database are refused or the URL is none, TransientError when the
    server does not answer within five seconds or is not ready.
    """
    import psycopg

    with translated(f"connecting to Postgres at {describe(url)}", connecting=True):
        connection = psycopg.connect(
            url,
            autocommit=autocommit,
            application_name=application_name,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            **_KEEPALIVES,  # type: ignore[arg-type]
        )
        if read_only:
            connection.read_only = True
            if autocommit:  # the attribute only bears on transactions that psycopg begins
                connection.execute("SET default_transaction_read_only = on")
        return connection


@contextmanager
def translated(what: str, *, connecting: bool = False) -> Iterator[None]:
    """Turn errors of the driver into errors of this project; ``what`` says what was being done.

    Missing tables and columns, and whatever trying again will not mend, become TerminalError; refused users and
    missing privileges ConfigurationError; a server that is away, starting, full or that broke off TransientError.
    """
    import psycopg
    from psycopg import errors

    try:
        yield
    except PipelineChecksError:
        raise
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedObject) as problem:
        raise TerminalError(f"{what}: {reason(problem)}.", next_step="Create it, or correct the declaration.") from None
    except errors.InsufficientPrivilege as problem:
        raise ConfigurationError(
            f"{what}: {reason(problem)}.", next_step="Grant the role what it needs, or use another one."
        ) from None
    except psycopg.Error as problem:
        raise _translate(what, problem, connecting) from None


def reason(problem: BaseException) -> str:
    """Return the first line of a driver's message: it names hosts and objects, never a password."""
    primary = getattr(getattr(problem, "diag", None), "message_primary", None)
    lines = str(primary or problem).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(problem).__name__


def _translate(what: str, problem: psycopg.Error, connecting: bool) -> PipelineChecksError:
    import psycopg

    state, text = problem.sqlstate or "", reason(problem)
    malformed_url = connecting and isinstance(problem, psycopg.ProgrammingError)
    refused = connecting and any(words in text for words in _WRONG_AT_CONNECT)
    if malformed_url:
        # The driver quotes the URL it could not read, password and all.
        return ConfigurationError(
            f"{what}: the URL cannot be read.", next_step="Write it as postgresql://user@host:5432/database."
        )
    if refused or state.startswith(_WRONG_SETTINGS):
        return ConfigurationError(f"{what}: {text}.", next_step="Correct user, password or database in the URL.")
    if _CONFLICT_WITH_RECOVERY in text:
        return SnapshotLostError(
            f"{what}: {text}.",
            next_step="The standby gave up what was being read. Set hot_standby_feedback = on there, raise its"
            " max_standby_streaming_delay, or check against the primary.",
        )
    if state == _LOCK_NOT_AVAILABLE:
        return TransientError(f"{what}: {text}.", next_step="Another session is altering the table; check again later.")
    if state.startswith(_COME_BACK_LATER) or (not state and isinstance(problem, psycopg.OperationalError)):
        return TransientError(f"{what}: {text}.", next_step="See that the server runs and can be reached.")
    return TerminalError(f"{what}: {text}.", sqlstate=state)
