"""Measures as SQL of Postgres: all aggregates of a table in one statement, one for duplicate keys, samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowCount,
    RowMeasure,
    Violations,
)
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks.values.literals import limit, members
from pipeline_checks.values.patterns import for_postgres

_ORDERED = frozenset({"decimal", "date", "timestamp", "timestamptz", "time", "integer", "float"})


class PostgresTableSql:
    """Writes the statements about one table. What Postgres would judge otherwise than an engine is not written."""

    def __init__(self, schema: str, table: str, columns: Sequence[PostgresColumn]) -> None:
        self._table = sql.Identifier(schema, table)
        self._name = f"{schema}.{table}"
        self._columns: Mapping[str, PostgresColumn] = {c.name: c for c in columns}

    def column(self, name: str) -> PostgresColumn:
        """Return the column; raises TerminalError when the table has none of that name."""
        if name not in self._columns:
            raise TerminalError(
                f"{self._name} has no column {name!r}.", next_step=f"Its columns are: {', '.join(self._columns)}."
            )
        return self._columns[name]

    def aggregate(self, measure: RowMeasure) -> sql.Composable | None:
        """Return the select item that computes a measure; None for one that Postgres is not asked for."""
        if isinstance(measure, RowCount):
            return sql.SQL("count(*)")
        if isinstance(measure, Minimum | Maximum):
            return self._extreme(measure)
        if isinstance(measure, Violations):
            condition = self.condition(measure.predicate)
            return None if condition is None else sql.SQL("count(*) FILTER (WHERE {})").format(condition)
        return None

    def select(self, items: Sequence[sql.Composable]) -> sql.Composed:
        """Return the one statement that computes all aggregates."""
        return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(items), self._table)

    def duplicates(self, measure: DuplicateKeys) -> sql.Composed:
        """Return a statement whose rows are: keys with duplicates, rows beyond the first, one key, its rows."""
        key = sql.SQL(", ").join(self._named(k) for k in measure.key)
        told = sql.SQL(", ").join(self._told_apart(self.column(k)) for k in measure.key)
        return sql.SQL(
            "SELECT count(*) OVER ()::bigint, (sum(n) OVER () - count(*) OVER ())::bigint, {key}, n FROM"
            " (SELECT {told}, count(*) AS n FROM {table} GROUP BY {places} HAVING count(*) > 1) AS repeated"
            " ORDER BY {key} LIMIT {limit}"
        ).format(
            key=key,
            told=told,
            table=self._table,
            places=sql.SQL(", ").join(sql.SQL(str(i)) for i in range(1, len(measure.key) + 1)),
            limit=sql.Literal(KEY_SAMPLE),
        )

    def sample(self, measure: Violations, condition: sql.Composable, column: str) -> sql.Composed:
        """Return a statement whose rows are the key columns and the offending value of rows that break a promise."""
        key = [self._named(k) for k in measure.key]
        order = sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(key)) if key else sql.SQL("")
        return sql.SQL("SELECT {} FROM {} WHERE {}{} LIMIT {}").format(
            sql.SQL(", ").join([*key, self._shown(self.column(column))]),
            self._table,
            condition,
            order,
            sql.Literal(KEY_SAMPLE),
        )

    def copy(self, columns: Sequence[PostgresColumn]) -> sql.Composed:
        """Return the COPY that writes the rows as CSV."""
        items = [sql.SQL(c.written(sql.Identifier(c.name).as_string(None))) for c in columns]
        return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv)").format(sql.SQL(", ").join(items), self._table)

    def copy_ranges(
        self, columns: Sequence[PostgresColumn], key: str, ranges: Sequence[tuple[int, int]]
    ) -> sql.Composed:
        """Return the COPY of the rows whose key lies in one of some ranges; an index on the key serves each range."""
        items = [sql.SQL(c.written(f"t.{sql.Identifier(c.name).as_string(None)}")) for c in columns]
        return sql.SQL(
            "COPY (SELECT {items} FROM unnest({first}::bigint[], {last}::bigint[]) AS r(first, last)"
            " CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {key} BETWEEN r.first AND r.last OFFSET 0) AS t)"
            " TO STDOUT (FORMAT csv)"
        ).format(
            items=sql.SQL(", ").join(items),
            first=_array(first for first, _ in ranges),
            last=_array(last for _, last in ranges),
            table=self._table,
            key=self._named(key),
        )

    def condition(self, predicate: Predicate) -> sql.Composable | None:
        """Return the predicate as a condition; None when Postgres would judge it otherwise than the engines."""
        column = self.column(predicate.column)  # type: ignore[attr-defined]
        name = self._named(column.name)
        if isinstance(predicate, IsNull):
            return sql.SQL("{} IS NULL").format(name)
        comparable = self._comparable(column)
        if comparable is None:
            return None
        if isinstance(predicate, Below):
            return sql.SQL("{} < {}").format(
                comparable, self._literal(limit(predicate.limit, column.type, "up"), column)
            )
        if isinstance(predicate, Above):
            return sql.SQL("{} > {}").format(
                comparable, self._literal(limit(predicate.limit, column.type, "down"), column)
            )
        if isinstance(predicate, NotIn):
            values = [self._literal(v, column) for v in members(predicate.values, column.type)]
            if not values:
                return sql.SQL("{} IS NOT NULL").format(name)
            return sql.SQL("({n} IS NOT NULL AND {c} NOT IN ({v}))").format(
                n=name, c=comparable, v=sql.SQL(", ").join(values)
            )
        if isinstance(predicate, NotMatching) and column.is_plain_text:
            pattern = for_postgres(predicate.pattern)
            return None if pattern is None else sql.SQL("{} !~ {}").format(comparable, sql.Literal(pattern))
        return None

    def _extreme(self, measure: Minimum | Maximum) -> sql.Composable | None:
        column = self.column(measure.column)
        least = isinstance(measure, Minimum)
        if column.type.name == "bool":
            return sql.SQL("bool_and({})" if least else "bool_or({})").format(self._named(column.name))
        comparable = self._comparable(column)
        return None if comparable is None else sql.SQL("min({})" if least else "max({})").format(comparable)

    def _told_apart(self, column: PostgresColumn) -> sql.Composable:
        """A column of a key as keys are told apart: texts byte for byte, whatever their collation takes as equal."""
        name = self._named(column.name)
        if column.category != "S" or column.type_name == "bpchar":
            return name
        return sql.SQL('{n}::text COLLATE "C" AS {n}').format(n=name)

    def _comparable(self, column: PostgresColumn) -> sql.Composable | None:
        """The column as it is compared: text by its bytes, as the engines do; None for what has no such order."""
        if column.is_plain_text:
            return sql.SQL('{} COLLATE "C"').format(self._named(column.name))
        if column.type.family in _ORDERED or column.type.name == "bool":
            return self._shown(column)
        return None

    def _shown(self, column: PostgresColumn) -> sql.Composable:
        """The column as the engines show its values: a single-precision number with all the digits that it has."""
        name = self._named(column.name)
        return sql.SQL("{}::float8").format(name) if column.type_name == "float4" else name

    def _literal(self, value: Any, column: PostgresColumn) -> sql.Composable:
        if column.type.family == "float":
            return sql.SQL("{}::float8").format(sql.Literal(value))
        return sql.Literal(value)

    def _named(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.column(name).name)


def _array(numbers: Iterable[int]) -> sql.Literal:
    """Numbers as the text of an array: to quote a hundred thousand one by one would take longer than their rows."""
    return sql.Literal(f"{{{','.join(map(str, numbers))}}}")
