"""Measures over Arrow rows, computed by DuckDB: one SELECT with all aggregates, spilling to disk under a limit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.base import (
    RowFactory,
    aggregates,
    column_of,
    columns_in_use,
    duplicate_keys,
    literals_of,
    rows_errors,
)
from pipeline_checks.engines.key_images import duplicates_by_images
from pipeline_checks.engines.sql import quoted
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    Above,
    Below,
    DuplicateKeys,
    DuplicateSample,
    IsNull,
    Maximum,
    Measure,
    Measured,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowCount,
    RowMeasure,
    Violations,
    ViolationSample,
)
from pipeline_checks.values.arrow_types import from_arrow
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import duckdb

Types = Mapping[str, LogicalType]
"""Type of each column of the rows."""

MEMORY_LIMIT = "1GB"
THREADS = 2


class DuckdbEngine:
    """The engine for rows that come as Arrow streams or tables."""

    def measure(self, rows: RowFactory, measures: frozenset[RowMeasure]) -> dict[Measure, Measured]:
        """Return the value of every measure."""
        values: dict[Measure, Measured] = {}
        scanned, crowded = aggregates(measures), []
        for duplicates in duplicate_keys(measures):
            with rows_errors(rows, list(duplicates.key)):
                told = duplicates_by_images(rows, duplicates.key)
            if told is None:
                crowded.append(duplicates)
            else:
                values[duplicates] = Measured(told)
        if not scanned and not crowded:
            return values
        with _connection() as connection:
            if scanned:
                values.update(_aggregate(connection, rows, scanned))
            for duplicates in crowded:
                values[duplicates] = Measured(_duplicates(connection, rows, duplicates))
        return values


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with _database().connection.cursor() as connection:
        yield connection


class _Database:
    """The database of this process, whose start costs more than many measures; its connections share its memory."""

    def __init__(self) -> None:
        import duckdb

        self._spill = tempfile.TemporaryDirectory(prefix="pipeline_checks_spill_")  # removed at the process's end
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        self.connection.execute(f"SET threads = {THREADS}")
        self.connection.execute("SET preserve_insertion_order = false")
        self.connection.execute("SET enable_progress_bar = false")  # it would stand among the results on stdout
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self.connection.execute("SET temp_directory = ?", [self._spill.name])


_database = cache(_Database)


def _aggregate(
    connection: duckdb.DuckDBPyConnection, rows: RowFactory, measures: list[RowMeasure]
) -> dict[Measure, Measured]:
    columns = columns_in_use(measures)

    def statement(types: Types) -> tuple[str, list[Any]]:
        written = [_expression(measure, types) for measure in measures]
        selected = ", ".join(f"{expression} AS m{i}" for i, (expression, _) in enumerate(written))
        return f"SELECT {selected} FROM stage_rows", [literal for _, literals in written for literal in literals]

    row = _select(connection, rows, columns or None, statement)[0]
    values: dict[Measure, Measured] = {}
    for i, measure in enumerate(measures):
        value = row[f"m{i}"]
        if isinstance(measure, Violations):
            value = ViolationSample(value, _violating(connection, rows, measure) if value and measure.key else ())
        values[measure] = Measured(value)
    return values


def _violating(
    connection: duckdb.DuckDBPyConnection, rows: RowFactory, measure: Violations
) -> tuple[tuple[dict[str, Any], Any], ...]:
    column = column_of(measure.predicate)
    columns = list(dict.fromkeys([*measure.key, column]))
    key = ", ".join(quoted(k) for k in measure.key)
    selected = ", ".join(quoted(c) for c in columns)

    def statement(types: Types) -> tuple[str, list[Any]]:
        condition, literals = _condition(measure.predicate, types)
        return f"SELECT {selected} FROM stage_rows WHERE {condition} ORDER BY {key} LIMIT {KEY_SAMPLE}", literals

    found = _select(connection, rows, columns, statement)
    return tuple(({k: to_json_value(r[k]) for k in measure.key}, to_json_value(r[column])) for r in found)


def _duplicates(connection: duckdb.DuckDBPyConnection, rows: RowFactory, measure: DuplicateKeys) -> DuplicateSample:
    key = ", ".join(quoted(k) for k in measure.key)
    grouped = f"SELECT {key}, count(*) AS rows_of_key FROM stage_rows GROUP BY {key} HAVING count(*) > 1"
    statement = (
        "SELECT *, count(*) OVER () AS all_keys, sum(rows_of_key - 1) OVER () AS surplus "
        f"FROM ({grouped}) ORDER BY {key} LIMIT {KEY_SAMPLE}"
    )
    found = _select(connection, rows, list(measure.key), lambda _: (statement, []))
    if not found:
        return DuplicateSample(0, 0)
    sample = tuple(({k: to_json_value(r[k]) for k in measure.key}, int(r["rows_of_key"])) for r in found)
    return DuplicateSample(int(found[0]["all_keys"]), int(found[0]["surplus"]), sample)


def _select(
    connection: duckdb.DuckDBPyConnection,
    rows: RowFactory,
    columns: list[str] | None,
    write: Callable[[Types], tuple[str, list[Any]]],
) -> list[dict[str, Any]]:
    """Return what the statement selects that ``write`` makes, with its parameters, for the types of the rows."""
    source: Any = rows(columns)
    statement, parameters = write({field.name: from_arrow(field.type) for field in source.schema})
    connection.register("stage_rows", source)
    try:
        with rows_errors(rows, columns):
            # Through Arrow, which gives instants and decimals as they are.
            found: list[dict[str, Any]] = connection.sql(statement, params=parameters).to_arrow_table().to_pylist()
            return found
    finally:
        connection.unregister("stage_rows")


def _expression(measure: RowMeasure, types: Types) -> tuple[str, list[Any]]:
    if isinstance(measure, RowCount):
        return "count(*)", []
    if isinstance(measure, Minimum):
        return f"min({quoted(measure.column)})", []
    if isinstance(measure, Maximum):
        return f"max({quoted(measure.column)})", []
    if isinstance(measure, Violations):
        condition, literals = _condition(measure.predicate, types)
        return f"count(*) FILTER (WHERE {condition})", literals
    raise TypeError(f"{type(measure).__name__} is not a measure over rows")


def _condition(predicate: Predicate, types: Types) -> tuple[str, list[Any]]:
    column, literals = quoted(column_of(predicate)), literals_of(predicate, types)
    if isinstance(predicate, IsNull):
        return f"{column} IS NULL", []
    if isinstance(predicate, Below):
        return f"{column} < ?", literals
    if isinstance(predicate, Above):
        return f"{column} > ?", literals
    if isinstance(predicate, NotIn):
        places = ", ".join("?" for _ in literals)
        return f"{column} IS NOT NULL" + (f" AND {column} NOT IN ({places})" if places else ""), literals
    assert isinstance(predicate, NotMatching)
    return f"{column} IS NOT NULL AND NOT regexp_full_match({column}, ?)", [predicate.pattern]
