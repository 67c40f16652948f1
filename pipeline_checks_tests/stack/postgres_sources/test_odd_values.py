"""Values of every odd type of Postgres: read exactly, or refused with words that name the column."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from pipeline_checks.engines.registry import engine
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import Above, DuplicateKeys, IsNull, Maximum, Minimum, NotIn, RowCount, Violations
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks.stages.postgres_pinned import PinnedPostgres

pytestmark = pytest.mark.stack

Connection = psycopg.Connection[tuple[Any, ...]]

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0);
CREATE DOMAIN discount AS price NOT NULL;
CREATE TYPE pair AS (a int, b text);
CREATE EXTENSION IF NOT EXISTS citext;
"""
READ: dict[str, tuple[str, str, str, Any]] = {
    "float NaN": ("float8", "'NaN'", "float64", math.nan),
    "float infinity": ("float8", "'-Infinity'", "float64", -math.inf),
    "float -0": ("float8", "'-0'", "float64", -0.0),
    "real": ("real", "0.1", "float32", 0.10000000149011612),
    "numeric": ("numeric", "-12345678901234567890.123456789012345678", "decimal", "as written"),
    "numeric of hundreds": ("numeric(5,-2)", "12345", "decimal", Decimal(12300)),
    "numeric of less than one": ("numeric(3,5)", "0.00123", "decimal", Decimal("0.00123")),
    "domain of a domain": ("discount", "1.10", "decimal(8,2)", Decimal("1.10")),
    "first day": ("date", "'0001-01-01'", "date", date(1, 1, 1)),
    "last day": ("date", "'9999-12-31'", "date", date(9999, 12, 31)),
    "time": ("time(3)", "'10:00:00.123'", "time(3)", time(10, 0, 0, 123000)),
    "time with zone": ("timetz", "'01:00:00.5+02'", "string", "23:00:00.5Z"),
    "enum": ("mood", "'ok'", "string", "ok"),
    "citext": ("citext", "'Aa'", "string", "Aa"),
    "padded": ("char(5)", "'ab'", "string", "ab   "),
    "one byte": ('"char"', "'q'", "string", "q"),
    "text of control": ("text", "E'\"a\"\\n\\t,\\\\.\\r\\n'", "string", '"a"\n\t,\\.\r\n'),
    "text that ends a copy": ("text", "E'\\\\.'", "string", "\\."),
    "no text": ("text", "''", "string", ""),
    "collated": ("text COLLATE pg_unicode_fast", "'Äpfel 😀'", "string", "Äpfel 😀"),
    "1 MB": ("text", "repeat('x', 1000000)", "string", "x" * 1_000_000),
    "bytes": ("bytea", "'\\x00ff'", "bytes", b"\x00\xff"),
    "3 MB of bytes": ("bytea", "convert_to(repeat('a', 3000000), 'UTF8')", "bytes", b"a" * 3_000_000),
    "array": ("int[]", "'{1,NULL,3}'", "array", "[1,null,3]"),
    "array of arrays": ("text[]", "'{{a,b},{c,\"d,e\"}}'", "array", '[["a","b"],["c","d,e"]]'),
    "json": ("json", '\'{"b": 1, "a": 1.0}\'', "json", '{"b": 1, "a": 1.0}'),
    "jsonb": ("jsonb", '\'{"b": 1, "a": 12345678901234567890}\'', "json", '{"a": 12345678901234567890, "b": 1}'),
    "json null": ("json", "'null'", "json", "null"),
    "interval": ("interval", "'1 mon 2 days -03:04:05.6'", "interval", "P1M2DT-3H-4M-5.6S"),
    "composite": ("pair", "row(1, 'a')", "struct", "(1,a)"),
    "range": ("int4range", "'[1,5)'", "string", "[1,5)"),
    "address": ("inet", "'10.0.0.1/8'", "string", "10.0.0.1/8"),
    "greatest oid": ("oid", "4294967295", "int64", 4294967295),
}
"""Type, value, the logical type that it has and the value that is read."""

REFUSED = {
    "timestamp of infinity": ("timestamp", "'infinity'", r"column 'v' has no place .* 'infinity'"),
    "timestamptz of infinity": ("timestamptz", "'-infinity'", r"column 'v' has no place .* '-infinity'"),
    "date of infinity": ("date", "'infinity'", r"column 'v' has no place .* 'infinity'"),
    "date before Christ": ("date", "'0044-03-15 BC'", r"column 'v' has no place .* '0044-03-15 BC'"),
    "timestamp before Christ": ("timestamp", "'0044-03-15 BC'", r"column 'v' has no place .*BC'"),
    "date of five digits": ("date", "'12345-01-01'", r"column 'v' has no place .* '12345-01-01'"),
    "end of the day": ("time", "'24:00'", r"column 'v' has no place .* '24:00:00'"),
    "numeric NaN": ("numeric", "'NaN'", r"column 'v' has no place .*'NaN'"),
    "numeric(8,2) NaN": ("numeric(8,2)", "'NaN'", r"column 'v' has no place .*NaN"),
    "numeric of infinity": ("numeric", "'Infinity'", r"column 'v' has no place .*'Infinity'"),
    "numeric that is large": ("numeric", "1e30", r"column 'v' has no place .*: 1"),
    "numeric that is long": ("numeric", "0.1234567890123456789", r"column 'v' has no place .*data loss"),
    "numeric of 60 digits": ("numeric(60,10)", "1", r"column 'v' cannot be compared: .* more than 38 digits"),
    "array of numeric": ("numeric[]", "'{1.10}'", r"column 'v' cannot be compared: .*array of numeric"),
    "array of instants": ("timestamptz[]", "ARRAY[now()]", r"column 'v' cannot be compared: .*array of timestamptz"),
    "array of json": ("jsonb[]", "ARRAY['{}'::jsonb]", r"column 'v' cannot be compared: .*array of jsonb"),
}


@pytest.fixture
def types(database: Connection) -> Connection:
    database.execute(TYPES)
    return database


def declared(url: str, table: str) -> PostgresTable:
    return PostgresTable.model_validate({"name": "s", "connection": {"url": url}, "table": table})


def pinned(url: str, table: str) -> Iterator[PinnedPostgres]:
    cut = open_cut(url)
    try:
        yield cut.table(declared(url, table))
    finally:
        cut.close()


def test_odd_values_are_read_exactly_null_beside_them(types: Connection, url: str) -> None:
    for place, (type_, value, _, _) in enumerate(READ.values()):
        null = "1.10" if type_ == "discount" else "NULL"
        types.execute(f"CREATE TABLE t{place} (id int PRIMARY KEY, v {type_})")
        types.execute(f"INSERT INTO t{place} VALUES (1, {value}), (2, {null})")
    cut = open_cut(url)
    try:
        for place, (name, (type_, value, logical, expected)) in enumerate(READ.items()):
            table = cut.table(declared(url, f"public.t{place}"))
            assert str(table.schema().fields[1].type) == logical, name
            rows = sorted(table.rows(["v"]).read_all().column("v").to_pylist(), key=lambda v: v is None)
            wanted = Decimal(value) if expected == "as written" else expected
            both = [wanted, Decimal("1.10") if type_ == "discount" else None]
            same = rows == both if logical.startswith("decimal") else repr(rows) == repr(both)
            assert same, name
    finally:
        cut.close()


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_is_refused_with_its_column_and_beside_it_all_is_read(
    types: Connection, url: str, name: str
) -> None:
    type_, value, words = REFUSED[name]
    types.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {type_}, other text)")
    types.execute(f"INSERT INTO t VALUES (1, {value}, 'x'), (2, NULL, 'y')")
    for table in pinned(url, "public.t"):
        with pytest.raises(TerminalError, match=words):
            table.rows().read_all()
        assert table.rows(["id", "other"]).read_all().num_rows == 2
        nulls = Violations(IsNull("v"), ("id",))
        told = table.answer(frozenset({RowCount(), nulls}))
        assert (told[RowCount()].value, told[nulls].value.count) == (2, 1)


@pytest.mark.parametrize("name", ["date of infinity", "timestamp before Christ", "end of the day"])
def test_an_extreme_that_has_no_place_is_refused_with_its_column(types: Connection, url: str, name: str) -> None:
    type_, value, _ = REFUSED[name]
    types.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {type_})")
    types.execute(f"INSERT INTO t VALUES (1, {value})")
    for table in pinned(url, "public.t"):
        with pytest.raises(TerminalError, match=r"public\.t, column 'v': "):
            table.answer(frozenset({Maximum("v")}))
        assert table.answer(frozenset({Maximum("id")}))[Maximum("id")].value == 1


def test_rows_of_any_length_are_read_among_short_ones(types: Connection, url: str) -> None:
    types.execute("CREATE TABLE t AS SELECT g AS id, repeat('ä', 5) AS v FROM generate_series(1, 20000) g")
    types.execute("UPDATE t SET v = repeat('z', 9000000) WHERE id IN (1, 7000, 20000)")
    types.execute("UPDATE t SET v = repeat('y', 40000000) WHERE id = 7001")
    for table in pinned(url, "public.t"):
        rows = table.rows().read_all()
    lengths = dict(zip(rows.column("id").to_pylist(), map(len, rows.column("v").to_pylist()), strict=True))
    assert {k: n for k, n in lengths.items() if n > 5} == {1: 9e6, 7000: 9e6, 20000: 9e6, 7001: 4e7}
    assert len(lengths) == rows.num_rows == 20000


def test_three_hundred_columns_are_read_and_measured(types: Connection, url: str) -> None:
    kinds = ("int", "text", "numeric(10,2)", "timestamp", "float8")
    columns = {f"c{i}": kinds[i % len(kinds)] for i in range(300)}
    values = {"int": "g", "text": "'t' || g", "numeric(10,2)": "g / 100.0", "timestamp": "now()", "float8": "g"}
    types.execute(f"CREATE TABLE wide (id int PRIMARY KEY, {', '.join(f'{n} {t}' for n, t in columns.items())})")
    written = ", ".join(values[t] for t in columns.values())
    types.execute(f"INSERT INTO wide SELECT g, {written} FROM generate_series(1, 500) g")
    types.execute("UPDATE wide SET c299 = NULL WHERE id = 7")
    wanted = frozenset(
        {
            RowCount(),
            *(Violations(IsNull(c), ("id",)) for c in columns),
            *(m(c) for m in (Minimum, Maximum) for c in columns),
            *(Violations(IsNull(c), key) for c in columns for key in (("c0",), ("c5",), ("c10",))),
        }
    )
    assert len(wanted) > 1664, "more than a statement may ask for"
    for table in pinned(url, "public.wide"):
        told = table.answer(wanted)
        rows = table.rows().read_all()
        computed = engine("duckdb").measure(table.rows, wanted)
    assert (rows.num_rows, rows.num_columns) == (500, 301)
    assert set(told) == wanted
    assert {m: v.value for m, v in told.items()} == {m: v.value for m, v in computed.items()}
    nulls = {m.predicate for m, v in told.items() if isinstance(m, Violations) and v.value.count}
    assert nulls == {IsNull("c299")}


def test_measures_of_odd_values_are_those_of_the_engines(types: Connection, url: str) -> None:
    types.execute(
        "CREATE TABLE t (id int PRIMARY KEY, f float8, r real, n numeric(10,2), e mood, ci citext,"
        " s text COLLATE pg_unicode_fast)"
    )
    types.execute(
        "INSERT INTO t VALUES (1, 'NaN', 'NaN', 1.5, 'ok', 'a', 'a'), (2, '-0', 0.1, -2, 'sad', 'A', 'A'),"
        " (3, 'Infinity', '-Infinity', 0, NULL, 'b', 'Z'), (4, NULL, NULL, NULL, 'ok', NULL, 'ä')"
    )
    numbers = ("f", "r", "n")
    wanted = frozenset(
        {
            *(m(c) for m in (Minimum, Maximum) for c in (*numbers, "s")),
            *(Violations(Above(c, limit), ("id",)) for c in numbers for limit in (0, "0.1", 1)),
            *(Violations(IsNull(c), ("id",)) for c in (*numbers, "e", "ci", "s")),
            *(Violations(NotIn(c, ("ok", "a")), ("id",)) for c in ("e", "ci", "s")),
        }
    )
    for table in pinned(url, "public.t"):
        told, computed = table.answer(wanted), engine("duckdb").measure(table.rows, wanted)
    for measure, value in told.items():
        mine, theirs = value.value, computed[measure].value
        assert mine == theirs or repr(mine) == repr(theirs) == "nan", measure
    left = {m.predicate for m in wanted if m not in told and isinstance(m, Violations)}
    assert left == {NotIn("e", ("ok", "a")), NotIn("ci", ("ok", "a"))}, "the engines judge these"


KEYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "text, whatever its collation": ("k text COLLATE pg_unicode_fast", "('a'), ('A'), ('á'), ('a')", {"k": "a"}),
    "citext": ("k citext", "('a'), ('A'), ('b'), ('b')", {"k": "b"}),
    "padded": ("k char(3)", "('a'), ('a '), ('b')", {"k": "a  "}),
    "NULL": ("k int", "(NULL), (1), (NULL)", {"k": None}),
    "composite with NULL": ("k int, j text", "(1, NULL), (1, 'x'), (NULL, 'x'), (1, NULL)", {"k": 1, "j": None}),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_told_apart_byte_for_byte_and_null_is_a_key(types: Connection, url: str, name: str) -> None:
    columns, rows, doubled = KEYS[name]
    types.execute(f"CREATE TABLE t ({columns})")
    types.execute(f"INSERT INTO t VALUES {rows}")
    measure = DuplicateKeys(tuple(doubled))
    for table in pinned(url, "public.t"):
        told = table.answer(frozenset({measure}))[measure].value
        computed = engine("duckdb").measure(table.rows, frozenset({measure}))[measure].value
    assert (told.keys, told.surplus_rows, [k for k, _ in told.sample]) == (1, 1, [doubled])
    assert told == computed
