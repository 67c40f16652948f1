"""The cut of a Postgres source: one snapshot in which its tables are read, and a mark in the log behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline_checks.clients.postgres import connect, describe, translated
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.position import LsnPosition, parse_lsn
from pipeline_checks.stages.postgres_pinned import PinnedPostgres
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_standby import Behind, await_replay, require_its_primary, take_exact_snapshot

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres import PostgresTable

MARK_PREFIX = "pipeline_checks"
"""The prefix of the logical messages that this project writes."""
_STANDBY_SECONDS, _LEAST_SECONDS = 60.0, 5.0


class PostgresCut:
    """One cut, and the transaction that sees exactly its transactions. Close it to end the transaction.

    ``behind`` says of a hot standby that it had not replayed, by the deadline, what its primary had written.
    """

    def __init__(self, snapshot: Snapshot, cut: Cut, marked: str, behind: Behind | None = None) -> None:
        """``marked`` is the URL of the server into whose log marks are written."""
        self.cut = cut
        self.behind = behind
        self._marked = marked
        self._snapshot = snapshot

    def table(self, declaration: PostgresTable) -> PinnedPostgres:
        """Return a table as the cut sees it. Whether it exists shows when it is asked."""
        return PinnedPostgres(*declaration.schema_and_table, LsnPosition(self.cut.lsn), lambda: self._snapshot)

    def mark(self) -> int:
        """Write another transactional mark and return its LSN."""
        return write_mark(self._marked)

    def close(self) -> None:
        """End the cut's transaction."""
        self._snapshot.close()


def open_cut(url: str, primary: str | None = None, deadline: Deadline | None = None) -> PostgresCut:
    """Take a cut: a REPEATABLE READ snapshot first, then a transactional mark from another connection.

    Parameters
    ----------
    url:
        The server that is read.
    primary:
        Where the mark is written when that is a hot standby, which takes none. Its snapshot is then taken when it has
        replayed what the primary had written.
    deadline:
        How long a standby is waited for; a minute when None.

    Raises ConfigurationError for a hot standby without ``primary`` and for a role that may not write the mark;
    TransientError when a server does not answer.
    """
    snapshot = Snapshot(url)
    if snapshot.in_recovery:
        snapshot.close()
        if primary is None:
            raise ConfigurationError(
                f"Postgres at {describe(url)} is a hot standby: it takes no mark, so there is no cut to compare at.",
                next_step="Add the URL of its primary as `connection: {url: ..., primary: {env: NAME}}`, or read from"
                " the primary.",
            )
        return _open_cut_of_standby(url, primary, deadline or Deadline(_STANDBY_SECONDS))
    try:
        taken_at = now()
        return PostgresCut(snapshot, Cut(TransactionSnapshot.parse(snapshot.text), write_mark(url), taken_at), url)
    except BaseException:
        snapshot.close()
        raise


def _open_cut_of_standby(url: str, primary: str, deadline: Deadline) -> PostgresCut:
    require_its_primary(url, primary)
    behind = await_replay(url, write_mark(primary), deadline)
    snapshot, seen = take_exact_snapshot(url, Deadline(max(deadline.remaining, _LEAST_SECONDS)))
    try:
        taken_at = now()
        return PostgresCut(snapshot, Cut(seen, write_mark(primary), taken_at), primary, behind)
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
