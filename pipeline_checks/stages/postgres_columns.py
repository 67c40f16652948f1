"""The columns of a table as a snapshot has them, proved to be those of the table that is read now.

Statements are resolved against the newest catalog, and a table that was truncated or rewritten since looks empty to an
older snapshot. So the table is locked first (as any reading does), and then compared with what the snapshot says of it.
"""

from __future__ import annotations

from psycopg import sql

from pipeline_checks.model.errors import ConfigurationError, SnapshotLostError, TerminalError
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_types import PostgresColumn

_COLUMNS = """
SELECT c.oid, a.attnum, a.attname, t.typname, domains.modifier, NOT (a.attnotnull OR domains.is_not_null),
       t.typcategory::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    WITH RECURSIVE base AS (
        SELECT a.atttypid AS oid, a.atttypmod AS modifier, false AS is_not_null, 0 AS depth
        UNION ALL
        SELECT d.typbasetype, greatest(base.modifier, d.typtypmod), base.is_not_null OR d.typnotnull, base.depth + 1
        FROM base JOIN pg_type d ON d.oid = base.oid AND d.typtype = 'd'
    ) SELECT * FROM base ORDER BY depth DESC LIMIT 1
) AS domains
JOIN pg_type t ON t.oid = domains.oid
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r','p','v','m','f')
ORDER BY a.attnum
"""

# pg_relation_filenode and pg_partition_tree answer from the newest catalog, the tables from that of the snapshot.
_ALTERED = """
WITH RECURSIVE tree AS (
    SELECT %(oid)s::oid AS oid
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid
), partitions AS (SELECT relid::oid AS oid FROM pg_partition_tree(%(oid)s::oid::regclass))
SELECT c.relname FROM tree JOIN pg_class c USING (oid)
WHERE c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)
UNION ALL
SELECT 'its partitions' WHERE EXISTS (SELECT FROM partitions)
  AND (EXISTS (SELECT oid FROM partitions EXCEPT SELECT oid FROM tree)
       OR EXISTS (SELECT oid FROM tree EXCEPT SELECT oid FROM partitions))
"""


def columns_of(snapshot: Snapshot, schema: str, table: str) -> tuple[PostgresColumn, ...]:
    """Return the columns of a table and keep it from being altered until the snapshot is closed.

    Raises TerminalError when the snapshot has no such table, SnapshotLostError when it has been renamed, altered,
    truncated or rewritten since, so that its rows cannot be read any more as the snapshot saw them.
    """
    name, what = f"{schema}.{table}", f"reading {schema}.{table}"
    rows = snapshot.query(_COLUMNS, (schema, table), what=what)
    if not rows:
        raise TerminalError(
            f"there is no table {name}.", next_step="Create it, or correct the name in the declaration."
        )
    oid, columns = rows[0][0], tuple(PostgresColumn(*row[1:]) for row in rows)
    quoted = sql.Identifier(schema, table)
    try:
        names = snapshot.column_names(sql.SQL("SELECT * FROM {} LIMIT 0").format(quoted), what=what)
    except ConfigurationError:  # not all columns may be read
        names = [c.name for c in columns]
        snapshot.query(sql.SQL("SELECT FROM {} LIMIT 0").format(quoted), what=what)
    except TerminalError as problem:
        if "sqlstate" in problem.data:  # something else than that there is no such table
            raise
        raise _changed(name, problem.message) from None
    if names != [c.name for c in columns]:
        raise _changed(name, f"its columns are now {', '.join(names)}")
    now = snapshot.query("SELECT to_regclass(%s)::oid", (quoted.as_string(None),), what=what)[0][0]
    if now != oid:
        raise _changed(name, "another table has its name")
    rewritten = snapshot.query(_ALTERED, {"oid": oid}, what=what)
    if rewritten:
        raise _changed(name, f"truncated or rewritten: {', '.join(r for (r,) in rewritten)}")
    return columns


def _changed(name: str, how: str) -> SnapshotLostError:
    return SnapshotLostError(
        f"{name} was altered after the cut was taken ({how}).", next_step="Check again when it is not being altered."
    )
