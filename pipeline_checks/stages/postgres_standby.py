"""The cut of a hot standby: which transactions its snapshot sees, and whether it has replayed what its primary wrote.

A snapshot of a standby names the transactions between ``xmin`` and ``xmax`` and not which of them it sees. Asked before
and after it is taken, the standby tells of each whether it still runs: what had ended before is seen, what runs
afterwards is not. A snapshot during which one of them ended is given up and another one taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pipeline_checks.clients.postgres import describe
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.cut import TransactionSnapshot
from pipeline_checks.model.errors import ConfigurationError, TransientError
from pipeline_checks.model.position import format_lsn, parse_lsn
from pipeline_checks.stages.postgres_facts import Query
from pipeline_checks.stages.postgres_snapshot import Server, Snapshot

_RUNNING = """
SELECT id FROM unnest(%s::bigint[] || ARRAY(SELECT generate_series(%s::bigint, %s::bigint))) AS id
WHERE pg_xact_status(id::text::xid8) = 'in progress'
"""
_SERVER = "SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system())"
_REPLAYED = "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')::text, pg_last_xact_replay_timestamp()"


@dataclass(frozen=True)
class Behind:
    """How a standby that did not catch up in time stands: why it proves nothing, and for how many seconds."""

    reason: str
    lag_seconds: float | None


@dataclass
class _Known:
    """What has been asked of transactions: below ``through`` those in ``running`` had not ended, all others had."""

    through: int = 0
    running: frozenset[int] = field(default_factory=frozenset)


def require_its_primary(standby: str, primary: str) -> None:
    """Raise ConfigurationError unless ``primary`` is the server whose log the standby replays."""
    servers = [Server(url) for url in (primary, standby)]
    try:
        (in_recovery, identity), (_, own) = (s.query(_SERVER, what="asking who it is")[0] for s in servers)
    finally:
        for server in servers:
            server.close()
    where = f"connection.primary ({describe(primary)})"
    if in_recovery:
        raise ConfigurationError(f"{where} is a hot standby itself.", next_step="Give the URL of the primary there.")
    if identity != own:
        raise ConfigurationError(
            f"{where} is another database cluster than that of {describe(standby)}.",
            next_step="Give the URL of the primary that the standby follows.",
        )


def await_replay(standby: str, lsn: int, deadline: Deadline) -> Behind | None:
    """Wait until the standby has replayed the log up to ``lsn``; return how it stands when the deadline came first."""
    server = Server(standby)
    told: list[tuple[str, datetime | None]] = []

    def replayed() -> bool:
        told[:] = [server.query(_REPLAYED, what=f"asking {describe(standby)} how far it has replayed")[0]]
        return parse_lsn(told[0][0]) >= lsn

    try:
        if deadline.wait_until(replayed):
            return None
    finally:
        server.close()
    reached, last = told[0]
    lag = None if last is None else max(0.0, (now() - last).total_seconds())
    return Behind(f"the standby has replayed {reached}, its primary had written {format_lsn(lsn)}", lag)


def take_exact_snapshot(url: str, deadline: Deadline) -> tuple[Snapshot, TransactionSnapshot]:
    """Return a snapshot of a standby and exactly which transactions it sees.

    Raises TransientError when transactions ended during each one until the deadline.
    """
    server = Server(url)
    known = _Known()
    taken: list[tuple[Snapshot, TransactionSnapshot]] = []

    def attempt() -> bool:
        snapshot = Snapshot(url)
        try:
            exact = _decided(TransactionSnapshot.parse(snapshot.text), known, server.query)
        except BaseException:
            snapshot.close()
            raise
        if exact is None:
            snapshot.close()
            return False
        taken.append((snapshot, exact))
        return True

    try:
        deadline.wait_until(attempt, every=0.001)
    finally:
        server.close()
    if not taken:
        raise TransientError(
            f"which transactions a snapshot of {describe(url)} sees could not be told: during each one some ended.",
            next_step="Check again when less is written, or give the URL of the primary as the source.",
        )
    return taken[0]


def _decided(seen: TransactionSnapshot, known: _Known, query: Query) -> TransactionSnapshot | None:
    """Return the snapshot with the transactions that it does not see; None when that cannot be told of one.

    ``known`` is what was asked before it was taken, and becomes what is asked now.
    """
    first = max(known.through, seen.xmin)
    unended = frozenset(x for x in known.running if x >= seen.xmin)
    told = query(_RUNNING, (sorted(unended), first, seen.xmax - 1), what="asking which transactions are running")
    running = frozenset(int(x) for (x,) in told)
    # Whatever ended between both questions, known to run before or not asked about, may or may not be seen.
    undecided = (unended - running) | (frozenset(range(first, seen.xmax)) - running)
    known.through, known.running = max(known.through, seen.xmax), running
    return None if undecided else TransactionSnapshot(seen.xmin, seen.xmax, running)
