"""What Postgres tells of itself: replication slots, publications, keys of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Query = Callable[..., list[tuple[Any, ...]]]
"""Runs a statement with parameters and returns its rows."""

_SLOT_FIELDS = (
    "name",
    "active",
    "restart_lsn",
    "confirmed_flush_lsn",
    "wal_status",
    "retained_bytes",
    "database",
    "plugin",
    "slot_type",
    "invalidation_reason",
    "safe_wal_size",
    "active_pid",
    "total_txns",
    "stats_reset",
    "server_started",
    "system_identifier",
)


def slots(query: Query) -> list[dict[str, Any]]:
    """Return every replication slot: name, active, restart_lsn, confirmed_flush_lsn, wal_status, retained_bytes
    (log kept back for it), database, plugin, slot_type; why it was invalidated (``invalidation_reason``, since Postgres
    17), how much log may still be written before it loses some (``safe_wal_size``, None without a limit), the process
    that serves it (``active_pid``), the transactions decoded since its statistics began (``total_txns``,
    ``stats_reset``), and of the server when it was started and its ``system_identifier``. LSNs and times are texts.
    """
    rows = query(
        "SELECT s.slot_name, s.active, s.restart_lsn::text, s.confirmed_flush_lsn::text, s.wal_status,"
        " pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,"
        " s.restart_lsn)::bigint, s.database, s.plugin, s.slot_type,"
        " to_jsonb(s) ->> 'invalidation_reason',"  # a column that older servers do not have
        " s.safe_wal_size, s.active_pid, t.total_txns, t.stats_reset::text,"
        " pg_postmaster_start_time()::text, (SELECT system_identifier::text FROM pg_control_system())"
        " FROM pg_replication_slots s LEFT JOIN pg_stat_replication_slots t USING (slot_name) ORDER BY s.slot_name",
        what="reading the replication slots",
    )
    return [dict(zip(_SLOT_FIELDS, row, strict=True)) for row in rows]


def publications(query: Query) -> dict[str, list[str]]:
    """Return the tables (``schema.table``) of every publication of the database."""
    rows = query(
        "SELECT p.pubname, t.schemaname || '.' || t.tablename FROM pg_publication p"
        " LEFT JOIN pg_publication_tables t USING (pubname) ORDER BY 1, 2",
        what="reading the publications",
    )
    found: dict[str, list[str]] = {}
    for name, table in rows:
        found.setdefault(name, []).extend([table] if table is not None else [])
    return found


def table_facts(query: Query, schema: str, table: str) -> dict[str, Any]:
    """Return ``primary_key`` (columns in their order), ``replica_identity`` (default, nothing, full, index)."""
    what = f"reading the keys of {schema}.{table}"
    rows = query(
        "SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace,"
        " LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)"
        " JOIN pg_attribute a ON a.attnum = k.number"
        " WHERE a.attrelid = c.oid AND i.indisprimary AND n.nspname = %s AND c.relname = %s ORDER BY k.place",
        (schema, table),
        what=what,
    )
    identity = query(
        "SELECT c.relreplident::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s",
        (schema, table),
        what=what,
    )
    words = {"d": "default", "n": "nothing", "f": "full", "i": "index"}
    return {
        "primary_key": [row[0] for row in rows],
        "replica_identity": words.get(identity[0][0], identity[0][0]) if identity else None,
    }
