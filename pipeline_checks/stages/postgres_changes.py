"""Whether tables of Postgres have changed, told without reading them: one statement for all tables of a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_facts import Query

_VIEWS = ("v",)
# The place in the log would move without any change of these tables too: by checkpoints, by other databases, and by the
# mark of every cut. A change of columns writes neither a row nor a new file.
_STATEMENT = """
SELECT n.nspname || '.' || c.relname,
       c.relkind::text,
       c.oid::text || '/' || coalesce(pg_relation_filenode(c.oid), 0)::text,
       pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid),
       (SELECT md5(string_agg(concat_ws(' ', a.attname, a.atttypid, a.atttypmod, a.attnotnull), ',' ORDER BY a.attnum))
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       pg_is_in_recovery(),
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname || '.' || c.relname = ANY(%s)
"""


def table_changes(query: Query, tables: Iterable[str]) -> dict[str, Mapping[str, Any] | None]:
    """Return by ``schema.table`` what differs when the table has changed; None for one that is not there.

    ``rows_written`` counts inserts, updates and deletes, those that were rolled back too; a server may count a write up
    to ten seconds late when the session that made it goes on without a further one. ``file`` differs after a truncate
    or rewrite, ``columns`` after a change of columns. A view has no such things and is told as an empty mapping. A
    standby counts nothing: of it ``lsn``, the place that it has replayed, differs with every change of its primary.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name, kind, file, written, columns, in_recovery, lsn in query(
        _STATEMENT, (list(tables),), what="asking which tables have changed"
    ):
        if kind in _VIEWS:
            found[name] = {}
        elif in_recovery:
            found[name] = {"file": file, "columns": columns, "lsn": lsn}
        else:
            found[name] = {"file": file, "columns": columns, "rows_written": written}
    return {table: found.get(table) for table in tables}
