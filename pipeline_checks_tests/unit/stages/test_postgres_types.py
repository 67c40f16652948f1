"""Types of Postgres as logical types, and statements that ask it only what it judges as the engines do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline_checks.clients.postgres import describe
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    RowCount,
    RowMeasure,
    Violations,
)
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_sql import PostgresTableSql
from pipeline_checks.stages.postgres_types import PostgresColumn


def column(name: str, type_name: str, modifier: int = -1, category: str = "S") -> PostgresColumn:
    return PostgresColumn(1, name, type_name, modifier, True, category)


@pytest.mark.parametrize(
    ("type_name", "modifier", "category", "expected"),
    [
        ("int2", -1, "N", "int16"),
        ("int8", -1, "N", "int64"),
        ("numeric", (10 << 16 | 2) + 4, "N", "decimal(10,2)"),
        ("numeric", (76 << 16 | 76) + 4, "N", "decimal(76,76)"),
        ("numeric", (100 << 16 | 2) + 4, "N", "decimal"),
        ("numeric", (5 << 16 | (0x800 - 2)) + 4, "N", "decimal"),
        ("numeric", -1, "N", "decimal"),
        ("timestamp", -1, "D", "timestamp"),
        ("timestamptz", 3, "D", "timestamptz(3)"),
        ("time", 0, "D", "time(0)"),
        ("timetz", -1, "D", "string"),
        ("varchar", 104, "S", "string"),
        ("jsonb", -1, "U", "json"),
        ("uuid", -1, "U", "uuid"),
        ("_int4", -1, "A", "array"),
        ("some_enum", -1, "E", "string"),
        ("xid8", -1, "U", "string"),
    ],
)
def test_a_type_of_the_catalog_has_a_logical_type(type_name: str, modifier: int, category: str, expected: str) -> None:
    assert str(column("c", type_name, modifier, category).type) == expected


def table() -> PostgresTableSql:
    return PostgresTableSql(
        "public",
        'odd "name"',
        [
            column("id", "int8"),
            column("e mail", "varchar"),
            column("amount", "numeric", (10 << 16 | 2) + 4),
            column("code", "bpchar"),
            column("flag", "bool"),
            column("note", "citext"),
            column("id2", "uuid"),
        ],
    )


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (RowCount(), "count(*)"),
        (Minimum("e mail"), 'min("e mail" COLLATE "C")'),
        (Maximum("flag"), 'bool_or("flag")'),
        (Violations(IsNull("code")), 'count(*) FILTER (WHERE "code" IS NULL)'),
        (Violations(Below("amount", 0)), 'count(*) FILTER (WHERE "amount" < 0.00)'),
        (Violations(Above("amount", Decimal("0.001"))), 'count(*) FILTER (WHERE "amount" > 0.00)'),
        (
            Violations(NotIn("e mail", ("a'b",))),
            'count(*) FILTER (WHERE ("e mail" IS NOT NULL AND "e mail" COLLATE "C" NOT IN (\'a\'\'b\')))',
        ),
        (Violations(NotIn("id", (1.5,))), 'count(*) FILTER (WHERE "id" IS NOT NULL)'),
        (Violations(NotMatching("e mail", "a+")), 'count(*) FILTER (WHERE "e mail" COLLATE "C" !~ \'^(?:a+)$\')'),
    ],
)
def test_a_measure_is_written_with_quoted_names_and_literals(measure: RowMeasure, text: str) -> None:
    written = table().aggregate(measure)
    assert written is not None
    assert written.as_string(None) == text


@pytest.mark.parametrize(
    "measure",
    [
        Minimum("code"),
        Maximum("id2"),
        Minimum("note"),
        Violations(NotIn("code", ("a",))),
        Violations(NotMatching("note", "a")),
        Violations(NotMatching("e mail", "(?i)a")),
        DuplicateKeys(("id",)),
    ],
)
def test_what_postgres_judges_otherwise_is_left_to_the_engines(measure: RowMeasure) -> None:
    assert table().aggregate(measure) is None


def test_a_column_that_is_not_there_and_a_limit_of_another_type_are_refused() -> None:
    with pytest.raises(TerminalError, match=r"no column 'zip'.*e mail"):
        table().aggregate(Minimum("zip"))
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        table().aggregate(Violations(Below("amount", "much")))


def test_the_copy_reads_from_the_quoted_table() -> None:
    assert table().copy([column("id", "int8")]).as_string(None) == (
        'COPY (SELECT "id" FROM "public"."odd ""name""") TO STDOUT (FORMAT csv)'
    )


def test_a_table_is_declared_with_its_schema() -> None:
    declared = PostgresTable(name="pg", connection={"url": "postgresql://h/d"}, table="public.customers")
    assert declared.schema_and_table == ("public", "customers")
    with pytest.raises(ValueError, match="pattern"):
        PostgresTable(name="pg", connection={"url": "postgresql://h/d"}, table="customers")
    with pytest.raises(ValueError, match="password"):
        PostgresTable(name="pg", connection={"url": "postgresql://me:secret@h/d"}, table="public.customers")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db:5433/shop", "db:5433/shop"),
        ("postgresql:///shop", "localhost:5432/shop"),
        ("me:secret@db", "its URL"),
        ("postgresql://db:secret/shop", "its URL"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert describe(url) == shown
