"""A table of Postgres as one snapshot sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import (
    DuplicateKeys,
    DuplicateSample,
    Facts,
    Measure,
    Measured,
    RowCount,
    RowMeasure,
    StageSchema,
    Violations,
    ViolationSample,
)
from pipeline_checks.model.position import LsnPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages import postgres_facts
from pipeline_checks.stages.postgres_columns import columns_of
from pipeline_checks.stages.postgres_hashes import agrees, can_be_pushed_down, hashed_buckets
from pipeline_checks.stages.postgres_rows import read_rows
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks.values.buckets import BucketPlan, Buckets
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.postgres_sql import PostgresTableSql

_INDEXED = """
SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE i.indrelid = %s::regclass AND i.indkey[0] = %s AND i.indisvalid AND i.indpred IS NULL AND a.amname = 'btree'
"""

_MOST_ITEMS = 1600
"""How many values one statement asks for; Postgres allows 1664."""


class PinnedPostgres:
    """Answers about one table in one snapshot. Aggregates are computed where the data is."""

    def __init__(
        self,
        schema: str,
        table: str,
        position: LsnPosition,
        snapshot: Callable[[], Snapshot],
        server: postgres_facts.Query | None = None,
    ) -> None:
        """Pin the table in the snapshot that ``snapshot`` returns, taken when rows or columns are first asked for.

        ``server`` asks about what belongs to no snapshot (slots, publications); the snapshot is asked without it.
        """
        self.position = position
        self._schema_name, self._table_name = schema, table
        self._take_snapshot = snapshot
        self._server = server
        self._taken: Snapshot | None = None
        self._found: tuple[PostgresColumn, ...] | None = None
        self._counted: Measured | None = None

    @property
    def _snapshot(self) -> Snapshot:
        if self._taken is None:
            self._taken = self._take_snapshot()
        return self._taken

    @property
    def _what(self) -> str:
        return f"reading {self._schema_name}.{self._table_name}"

    def _columns(self) -> tuple[PostgresColumn, ...]:
        if self._found is None:
            self._found = columns_of(self._snapshot, self._schema_name, self._table_name)
        return self._found

    def _sql(self) -> PostgresTableSql:
        from pipeline_checks.stages.postgres_sql import PostgresTableSql

        return PostgresTableSql(self._schema_name, self._table_name, self._columns())

    def schema(self) -> Schema:
        """Return the columns; their ids are attribute numbers, which a rename does not change."""
        return Schema(tuple(SchemaField(c.name, c.type, c.nullable, str(c.number)) for c in self._columns()))

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, facts and whatever of the row measures Postgres judges as the engines do.

        ``Facts("slots")`` is a list of slots, ``Facts("publication")`` maps publications to tables, ``Facts("table")``
        has ``primary_key`` and ``replica_identity``.
        """
        answers: dict[Measure, Measured] = {}
        rows = [m for m in measures if isinstance(m, RowMeasure)]
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
            elif isinstance(measure, DuplicateKeys):
                answers[measure] = exact(self._duplicates(measure))
        answers.update(self._aggregates([m for m in rows if not isinstance(m, DuplicateKeys)]))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.RecordBatchReader:
        """Return the rows in the snapshot, as a stream; raises TerminalError when a column is not there."""
        statements = self._sql()
        wanted = self._columns() if columns is None else tuple(statements.column(c) for c in columns)
        return read_rows(self._snapshot, statements.copy(wanted), wanted, self._what)

    def bucket_plan(self, key: str) -> BucketPlan | None:
        """Return how the rows are put into buckets by an integer key that has an index; None for another key.

        Nor is there a plan for a table without rows.
        """
        column = self._sql().column(key)
        indexed = (self._identifier.as_string(None), column.number)
        if column.type.family != "integer" or not self._snapshot.query(_INDEXED, indexed, what=self._what):
            return None
        name = sql.Identifier(key)
        # Each end by the index: both in one SELECT, or a count beside them, would read every row.
        statement = sql.SQL(
            "SELECT (SELECT min({k})::bigint FROM {t}), (SELECT max({k})::bigint FROM {t}),"
            " (SELECT reltuples::bigint FROM pg_class WHERE oid = {o}::regclass)"
        ).format(k=name, t=self._identifier, o=sql.Literal(self._identifier.as_string(None)))
        least, greatest, about = self._snapshot.query(statement, what=self._what)[0]
        if least is None:
            return None
        return BucketPlan.of(least, greatest, about if about > 0 else self._count())

    def hashes_as_we_do(self, columns: Sequence[str]) -> bool:
        """Return whether Postgres gives rows of these columns the hashes that we give them."""
        hashed = tuple(self._sql().column(c) for c in columns)
        return can_be_pushed_down(hashed) and agrees(self._snapshot, hashed, self._what)

    def hashed_buckets(
        self,
        key: str,
        columns: Sequence[str],
        plan: BucketPlan,
        ranges: Sequence[tuple[int, int]] | None = None,
    ) -> Buckets:
        """Return the buckets of the table, computed by Postgres, which must hash these columns as we do.

        With ``ranges`` only rows whose key lies in one of them, both ends inclusive, are in the buckets.
        """
        hashed = tuple(self._sql().column(c) for c in columns)
        return hashed_buckets(self._snapshot, self._identifier, key, hashed, plan, self._what, ranges)

    def size(self) -> int:
        """Return the bytes that the table's rows take on disk."""
        statement = sql.SQL("SELECT pg_table_size({}::regclass)").format(sql.Literal(self._identifier.as_string(None)))
        return int(self._snapshot.query(statement, what=self._what)[0][0])

    def rows_in(self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]) -> pyarrow.RecordBatchReader:
        """Return the rows whose key lies in one of some ranges, both ends inclusive, as a stream."""
        statements = self._sql()
        wanted = tuple(statements.column(c) for c in columns)
        return read_rows(self._snapshot, statements.copy_ranges(wanted, key, ranges), wanted, self._what)

    @property
    def _identifier(self) -> sql.Identifier:
        return sql.Identifier(self._schema_name, self._table_name)

    def _facts(self, topic: str) -> Any:
        if topic == "slots":
            return postgres_facts.slots(self._server or self._snapshot.query)
        if topic == "publication":
            return postgres_facts.publications(self._server or self._snapshot.query)
        if topic == "table":
            self._columns()
            return postgres_facts.table_facts(self._snapshot.query, self._schema_name, self._table_name)
        raise ConfigurationError(
            f"a Postgres table tells nothing of {topic!r}.", next_step="It tells: slots, publication, table."
        )

    def _count(self) -> int:
        return int(self._aggregates([RowCount()])[RowCount()].value)

    def _aggregates(self, measures: list[RowMeasure]) -> dict[Measure, Measured]:
        """Return what Postgres computes of the measures. The rows of the snapshot are counted once."""
        told: dict[Measure, Measured] = {}
        if self._counted is not None and RowCount() in measures:
            told[RowCount()] = self._counted
        found = told | self._selected([m for m in measures if m not in told])
        self._counted = found.get(RowCount(), self._counted)
        return found

    def _selected(self, measures: list[RowMeasure]) -> dict[Measure, Measured]:
        if not measures:
            return {}
        statements = self._sql()
        items: dict[RowMeasure, sql.Composable] = {}
        for measure in measures:
            item = statements.aggregate(measure)
            if item is not None:
                items[measure] = item
        if not items:
            return {}
        alone = getattr(next(iter(items)), "column", None) if len(items) == 1 else None
        what = self._what if alone is None else f"{self._what}, column {alone!r}"
        asked = list(items.values())
        row: list[Any] = []
        for first in range(0, len(asked), _MOST_ITEMS):
            row += self._snapshot.query(statements.select(asked[first : first + _MOST_ITEMS]), what=what)[0]
        answers: dict[Measure, Measured] = {}
        for measure, value in zip(items, row, strict=True):
            found = self._violations(statements, measure, value) if isinstance(measure, Violations) else value
            answers[measure] = exact(found)
        return answers

    def _violations(self, statements: PostgresTableSql, measure: Violations, count: int) -> ViolationSample:
        if count == 0:
            return ViolationSample(0)
        condition = statements.condition(measure.predicate)
        assert condition is not None
        column: str = measure.predicate.column  # type: ignore[attr-defined]
        rows = self._snapshot.query(statements.sample(measure, condition, column), what=self._what)
        return ViolationSample(count, tuple((self._key(measure.key, row), to_json_value(row[-1])) for row in rows))

    def _duplicates(self, measure: DuplicateKeys) -> DuplicateSample:
        rows = self._snapshot.query(self._sql().duplicates(measure), what=self._what)
        if not rows:
            return DuplicateSample(0, 0)
        return DuplicateSample(rows[0][0], rows[0][1], tuple((self._key(measure.key, r[2:]), r[-1]) for r in rows))

    @staticmethod
    def _key(key: tuple[str, ...], row: tuple[Any, ...]) -> dict[str, Any]:
        return {name: to_json_value(value) for name, value in zip(key, row, strict=False)}
