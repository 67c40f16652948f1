"""The cut of a Postgres source: one snapshot in which its tables are read, and a mark in the log behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline_checks.clients.postgres import connect, describe, translated
from pipeline_checks.model.clock import now
from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.position import LsnPosition, parse_lsn
from pipeline_checks.stages.postgres_pinned import PinnedPostgres
from pipeline_checks.stages.postgres_snapshot import Snapshot

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres import PostgresTable

MARK_PREFIX = "pipeline_checks"
"""The prefix of the logical messages that this project writes."""


class PostgresCut:
    """One cut, and the transaction that sees exactly its transactions. Close it to end the transaction."""

    def __init__(self, url: str, snapshot: Snapshot, cut: Cut) -> None:
        self.cut = cut
        self._url = url
        self._snapshot = snapshot

    def table(self, declaration: PostgresTable) -> PinnedPostgres:
        """Return a table as the cut sees it. Whether it exists shows when it is asked."""
        return PinnedPostgres(*declaration.schema_and_table, LsnPosition(self.cut.lsn), lambda: self._snapshot)

    def mark(self) -> int:
        """Write another transactional mark and return its LSN."""
        return write_mark(self._url)

    def close(self) -> None:
        """End the cut's transaction."""
        self._snapshot.close()


def open_cut(url: str) -> PostgresCut:
    """Take a cut: a REPEATABLE READ snapshot first, then a transactional mark from another connection.

    Raises ConfigurationError for a hot standby, which knows no exact list of running transactions and takes no mark,
    and for a role that may not write the mark; TransientError when the server does not answer.
    """
    snapshot = Snapshot(url)
    try:
        if snapshot.in_recovery:
            raise ConfigurationError(
                f"Postgres at {describe(url)} is a hot standby: it has no exact list of running transactions and takes"
                " no mark.",
                next_step="Give the URL of the primary.",
            )
        taken_at = now()
        return PostgresCut(url, snapshot, Cut(TransactionSnapshot.parse(snapshot.text), write_mark(url), taken_at))
    except BaseException:
        snapshot.close()
        raise


def write_mark(url: str) -> int:
    """Write a transactional logical message, flushed, and return its LSN."""
    connection = connect(url)
    what = f"writing a mark into the log of Postgres at {describe(url)}"
    try:
        with translated(what), connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = on")
            content = json.dumps({"mark": now().isoformat()})
            row = connection.execute(
                "SELECT pg_logical_emit_message(true, %s, %s)::text", (MARK_PREFIX, content)
            ).fetchone()
        assert row is not None
        return parse_lsn(row[0])
    except ConfigurationError as problem:
        raise ConfigurationError(
            problem.message,
            next_step="Grant it: GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) TO"
            " the role of the URL.",
        ) from None
    finally:
        connection.close()
