"""Buckets of row hashes, computed by Postgres itself in one snapshot, on two connections."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pipeline_checks.clients.postgres import translated
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks.values.arrow_types import to_arrow
from pipeline_checks.values.buckets import BucketPlan, Buckets

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_snapshot import Snapshot

_PROBES: dict[str, tuple[Any, ...]] = {
    "int2": (0, 1, -1, 32767),
    "int4": (0, 1, -7, 2147483647),
    "int8": (0, -1, 2**40 + 3, -(2**62)),
    "bool": (True, False),
    "text": ("", "a", "Grüße, 世界", "thirteen char", "x" * 40),
    "varchar": ("", "b", "zwölf Zeichen"),
    "bytea": (b"", b"\x00\xff", b"0123456789abc"),
    "date": (date(2000, 1, 1), date(1, 1, 1), date(2026, 11, 21)),
    "timestamp": (datetime(2000, 1, 1), datetime(1960, 5, 5, 5, 5, 5, 123456), datetime(2026, 11, 21, 1)),
    "float4": (0.0, -0.0, 1.5, float("nan"), float("-inf")),
    "float8": (0.0, -0.0, 1.1, float("nan"), float("inf")),
}
_PROBES["timestamptz"] = _PROBES["timestamp"]
_NUMBERS = ("0", "1", "-1", "12.34", "-0.01", "99990000", "10000.5", "123456789.000100")


def can_be_pushed_down(columns: Sequence[PostgresColumn]) -> bool:
    """Whether rows of these columns are hashed here and in Postgres by the same function, as far as types tell."""
    if find_spec("numba") is None:
        return False
    from pipeline_checks.values.postgres_hash import can_be_hashed

    known = {*_PROBES, "numeric"}
    return all(c.type_name in known and can_be_hashed(to_arrow(c.type)) for c in columns)


def agrees(snapshot: Snapshot, columns: Sequence[PostgresColumn], what: str) -> bool:
    """Return whether the server hashes values of the columns' types as we do, and their sum into the same buckets.

    Asked of every server anew: the functions are no promise of Postgres from version to version.
    """
    import pyarrow as pa

    from pipeline_checks.values.postgres_hash import row_hashes

    for column in {(c.type_name, c.modifier): c for c in columns}.values():
        values = [*_values_of(column), None]
        type_ = sql.SQL(_declared(column))
        rows = sql.SQL(", ").join(
            sql.SQL("({}, {}::{})").format(sql.Literal(i), sql.Literal(v), type_) for i, v in enumerate(values)
        )
        statement = sql.SQL("SELECT {} FROM (VALUES {}) AS probe(i, v) ORDER BY i").format(_hash([("v", column)]), rows)
        theirs = [row[0] for row in snapshot.query(statement, what=what)]
        ours = row_hashes([pa.array(values, to_arrow(column.type))]).view("int64").tolist()
        if ours != theirs:
            return False
    return True


def hashed_buckets(
    snapshot: Snapshot,
    table: sql.Identifier,
    key: str,
    columns: Sequence[PostgresColumn],
    plan: BucketPlan,
    what: str,
    ranges: Sequence[tuple[int, int]] | None = None,
) -> Buckets:
    """Return the buckets of a table; each half of its pages is read by a connection of its own.

    With ``ranges`` only rows whose key lies in one of them, both ends inclusive, are in the buckets; each half of the
    ranges is then read by a connection.
    """
    import numpy as np

    halves = _halves_of_pages(snapshot, table, what) if ranges is None else _halves_of_ranges(key, ranges)
    counts, folded = np.zeros(plan.count, np.int64), np.zeros(plan.count, np.uint64)
    parts: list[Any] = []
    failed: list[BaseException] = []

    def read(condition: sql.Composable) -> None:
        statement = sql.SQL(
            "SELECT ({key} >> {shift}) - {least}, count(*), bit_xor({hash}) FROM {table} WHERE {condition} GROUP BY 1"
        ).format(
            key=sql.Identifier(key),
            shift=sql.Literal(plan.shift),
            least=sql.Literal(plan.least),
            hash=_hash([(c.name, c) for c in columns]),
            table=table,
            condition=condition,
        )
        try:
            with translated(what), snapshot.another() as connection:
                connection.execute("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_sort = off")
                parts.append(connection.cursor(binary=True).execute(statement).fetchall())
        except BaseException as problem:
            failed.append(problem)

    threads = [threading.Thread(target=read, args=(condition,)) for condition in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    for rows in parts:
        if rows:
            places, numbers, hashes = (np.array(column, np.int64) for column in zip(*rows, strict=True))
            counts[places] += numbers
            folded[places] ^= hashes.view(np.uint64)
    return Buckets(plan, counts, folded)


def _halves_of_pages(snapshot: Snapshot, table: sql.Identifier, what: str) -> list[sql.Composable]:
    pages = snapshot.query(
        sql.SQL("SELECT pg_relation_size({}::regclass) / current_setting('block_size')::bigint").format(
            sql.Literal(table.as_string(None))
        ),
        what=what,
    )[0][0]
    half = sql.Literal(f"({pages // 2},0)")
    return [sql.SQL("ctid < {}").format(half), sql.SQL("ctid >= {}").format(half)]


def _halves_of_ranges(key: str, ranges: Sequence[tuple[int, int]]) -> list[sql.Composable]:
    def within(some: Sequence[tuple[int, int]]) -> sql.Composable:
        return sql.SQL(" OR ").join(
            sql.SQL("{} BETWEEN {} AND {}").format(sql.Identifier(key), sql.Literal(low), sql.Literal(high))
            for low, high in some
        )

    middles = [(low, low + (high - low) // 2, high) for low, high in ranges]
    upper = [(middle + 1, high) for _, middle, high in middles if middle < high]
    halves = [[(low, middle) for low, middle, _ in middles], upper]
    return [within(some) for some in halves if some]


def _hash(columns: Sequence[tuple[str, PostgresColumn]]) -> sql.Composed:
    """The hash of a row of some columns; beside a number stands its sign, which its own hash leaves out."""
    items: list[sql.Composable] = []
    for name, column in columns:
        items.append(sql.Identifier(name))
        if column.type_name == "numeric":
            items.append(sql.SQL("{} < 0").format(sql.Identifier(name)))
    return sql.SQL("hash_record_extended(ROW({}), 0)").format(sql.SQL(", ").join(items))


def _values_of(column: PostgresColumn) -> list[Any]:
    if column.type_name != "numeric":
        return list(_PROBES[column.type_name])
    digits, scale = column.type.precision or 38, column.type.scale or 0
    found = {Decimal(text).quantize(Decimal(1).scaleb(-scale)) for text in _NUMBERS}
    return sorted(v for v in found if len(v.as_tuple().digits) <= digits)


def _declared(column: PostgresColumn) -> str:
    if column.type_name == "numeric":
        return f"numeric({column.type.precision},{column.type.scale})"
    return column.type_name
