"""Tables of a Postgres database, read from its catalogs at one moment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.settings import resolve
from pipeline_checks.introspection.found import Candidate, Discovered, Found, FoundColumn, LeftOut
from pipeline_checks.introspection.names import event_times, stage_name
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.secret import EnvironmentVariable

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_snapshot import Snapshot
    from pipeline_checks.stages.postgres_types import PostgresColumn

_TABLES: Final = """
SELECT c.oid, n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT'), c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND NOT starts_with(n.nspname, 'pg_temp')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""
_UNIQUE: Final = """
SELECT i.indrelid, i.indisprimary, c.relname,
       (SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indrelid = ANY(%s)
ORDER BY i.indisprimary DESC, i.indnkeyatts, c.relname
"""
_FOREIGN: Final = """
SELECT f.conrelid, a.attname, f.confrelid, b.attname
FROM pg_constraint f
JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
WHERE f.contype = 'f' AND f.convalidated AND cardinality(f.conkey) = 1 AND f.conrelid = ANY(%s)
ORDER BY f.conrelid, a.attnum
"""
_CHECKS: Final = """
SELECT c.conrelid, a.attname, pg_get_constraintdef(c.oid, true)
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'c' AND c.convalidated AND cardinality(c.conkey) = 1 AND c.conrelid = ANY(%s)
ORDER BY c.conrelid, a.attnum, c.conname
"""
_LABELS: Final = """
SELECT a.attrelid, a.attname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_attribute a JOIN pg_enum e ON e.enumtypid = a.atttypid
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2
"""
_LIMIT = re.compile(r"CHECK \((?:\w+|\"[^\"]+\") (>=|<=) \(?'?(-?\d+(?:\.\d+)?)'?\)?(?:::[a-z ]+)?\)")
_LIST = re.compile(r"CHECK \((?:\w+|\"[^\"]+\")(?:::text)? = ANY \(ARRAY\[(.+)\](?:::text\[\])?\)\)")
_TEXT = re.compile(r"'((?:[^']|'')*)'::[a-z ]+(?:, |$)")


def find_tables(variable: str, patterns: Sequence[str] = ()) -> Discovered:
    """Return the tables of the database whose URL stands in the environment variable ``variable``.

    ``patterns`` narrow them: ``schema.table`` or ``table``, with ``*``. Partitions, temporary tables and those of
    extensions are none of their own. Raises the errors of ``clients.postgres``.
    """
    from pipeline_checks.stages.postgres_snapshot import Snapshot

    setting = EnvironmentVariable(env=variable)
    snapshot = Snapshot(resolve(setting))
    try:
        return _read(snapshot, variable, patterns)
    finally:
        snapshot.close()


def _read(snapshot: Snapshot, variable: str, patterns: Sequence[str]) -> Discovered:
    tables = [row for row in snapshot.query(_TABLES, what="listing the tables") if _is_wanted(row[1], row[2], patterns)]
    database = snapshot.query("SELECT current_database()", what="asking for the name of the database")[0][0]
    names: dict[int, str] = {}
    left_out: list[LeftOut] = []
    for oid, schema, table, may_read, _ in tables:
        if "." in schema or "." in table:
            left_out.append(LeftOut(f"{schema}.{table}", "a name with a point in it cannot be declared"))
        elif not may_read:
            left_out.append(LeftOut(f"{schema}.{table}", "the role may not read it: GRANT SELECT"))
        else:
            subject = table if schema == "public" else f"{schema}_{table}"
            names[oid] = stage_name("pg", subject, names.values())
    kept = _Kept(snapshot, list(names))
    found = []
    for oid, schema, table, _, estimate in tables:
        if oid not in names:
            continue
        try:
            found.append(_table(snapshot, kept, names, oid, (database, schema, table), variable, estimate))
        except PipelineChecksError as problem:
            left_out.append(LeftOut(f"{schema}.{table}", problem.message))
    return Discovered(tuple(found), tuple(left_out))


class _Kept:
    """What the database itself keeps to, by table."""

    def __init__(self, snapshot: Snapshot, oids: list[int]) -> None:
        what = "reading the constraints of the tables"
        self.unique: dict[int, list[tuple[bool, str, list[str]]]] = {}
        for oid, is_primary, name, columns in snapshot.query(_UNIQUE, (oids,), what=what):
            self.unique.setdefault(oid, []).append((is_primary, name, columns))
        self.foreign: dict[int, list[tuple[str, int, str]]] = {}
        for oid, column, target, target_column in snapshot.query(_FOREIGN, (oids,), what=what):
            self.foreign.setdefault(oid, []).append((column, target, target_column))
        self.promises: dict[tuple[int, str], dict[str, Any]] = {}
        for oid, column, labels in snapshot.query(_LABELS, (oids,), what=what):
            self.promises[oid, column] = {"accepted": labels}
        for oid, column, text in snapshot.query(_CHECKS, (oids,), what=what):
            self.promises.setdefault((oid, column), {}).update(promise_of_constraint(text))


def promise_of_constraint(text: str) -> dict[str, Any]:
    """Return what a CHECK constraint, as Postgres writes it, promises of a column; empty where it is not of that sort.

    >>> promise_of_constraint("CHECK (amount >= 0::numeric)")
    {'min': 0}
    >>> promise_of_constraint("CHECK (state = ANY (ARRAY['new'::text, 'it''s'::text]))")
    {'accepted': ['new', "it's"]}
    >>> promise_of_constraint("CHECK (length(name) > 3)")
    {}
    """
    limit = _LIMIT.fullmatch(text)
    if limit:
        number = limit[2]
        return {"min" if limit[1] == ">=" else "max": float(number) if "." in number else int(number)}
    listed = _LIST.fullmatch(text)
    if listed and "".join(m[0] for m in _TEXT.finditer(listed[1])) == listed[1]:
        return {"accepted": [m[1].replace("''", "'") for m in _TEXT.finditer(listed[1])]}
    return {}


def _table(
    snapshot: Snapshot,
    kept: _Kept,
    names: Mapping[int, str],
    oid: int,
    place: tuple[str, str, str],
    variable: str,
    estimate: int,
) -> Found:
    from psycopg import sql

    from pipeline_checks.stages.postgres_columns import columns_of

    _, schema, table = place
    in_catalog = columns_of(snapshot, schema, table)
    columns = {c.name: _column(kept, oid, c) for c in in_catalog if not c.refusal}
    has_rows = snapshot.query(
        sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table)),
        what=f"looking whether {schema}.{table} has rows",
    )[0][0]
    fields: dict[str, Any] = {"connection": {"url": {"env": variable}}, "table": f"{schema}.{table}"}
    notes = []
    if has_rows and estimate > 0:
        notes.append(f"about {estimate:,} rows")
    elif not has_rows:
        fields["may_be_empty"] = True
        notes.append("has no row now: take may_be_empty away where it must have some")
    return Found(
        name=names[oid],
        kind="postgres_table",
        subject=table,
        fields=fields,
        columns=columns,
        keys=tuple(_keys(kept, oid, columns)),
        event_times=event_times(columns),
        references=dict(_references(kept, oid, names, columns)),
        of_table=place,
        ignored={c.name: c.refusal for c in in_catalog if c.refusal},
        notes=tuple(notes),
    )


def _column(kept: _Kept, oid: int, column: PostgresColumn) -> FoundColumn:
    promises = kept.promises.get((oid, column.name), {})
    if column.type.family not in ("integer", "float", "decimal", "string"):
        promises = {}
    return FoundColumn(column.type, column.nullable, promises)


def _keys(kept: _Kept, oid: int, columns: Mapping[str, FoundColumn]) -> Iterator[Candidate]:
    for is_primary, name, of in kept.unique.get(oid, ()):
        if not all(c in columns for c in of):
            continue
        if is_primary:
            yield Candidate(tuple(of), "its primary key", is_certain=True)
        elif not any(columns[c].nullable for c in of):
            yield Candidate(tuple(of), f"unique by the index {name}", is_certain=True)


def _references(kept: _Kept, oid: int, names: Mapping[int, str], columns: Collection[str]) -> Iterator[tuple[str, str]]:
    for column, target, target_column in kept.foreign.get(oid, ()):
        if target in names and column in columns:
            yield column, f"{names[target]}.{target_column}"


def _is_wanted(schema: str, table: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(table, p) or fnmatchcase(f"{schema}.{table}", p) for p in patterns)
