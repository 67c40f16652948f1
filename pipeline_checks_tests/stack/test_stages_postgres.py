"""Postgres as a stage: the cut under concurrent transactions, rows and measures of one snapshot, what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.engines.registry import engine
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    DuplicateSample,
    Facts,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    RowCount,
    RowMeasure,
    Violations,
)
from pipeline_checks.model.position import LsnPosition
from pipeline_checks.stages.postgres import PostgresTable, open_stage
from pipeline_checks.stages.postgres_cut import PostgresCut, open_cut, write_mark
from pipeline_checks.stages.postgres_pinned import PinnedPostgres

pytestmark = pytest.mark.stack

DATABASE = "stages_of_postgres"
ODD = """
CREATE TABLE "Odd table" (id bigint, "e mail" varchar(20), amount numeric(10,2), score float8, at timestamptz,
                          local timestamp, day date, flag boolean, code char(4), tag uuid)
"""
ODD_ROWS = """
INSERT INTO "Odd table" VALUES
 (1, 'a@b', 1.10, 'NaN', '2026-01-01 00:00:00.000001+00', '2026-01-01 00:00:00.000001', '2026-01-01', true, 'ab',
  '00000000-0000-0000-0000-000000000001'),
 (2, E'a\\nb', -0.01, 'Infinity', '2026-01-02 00:00+02', '2026-01-02', '2026-01-02', false, 'abcd', NULL),
 (3, '', 0, -1.5, NULL, NULL, NULL, NULL, NULL, NULL),
 (3, NULL, 99.99, 0, '1900-01-01 00:00+00', '1900-01-01', '1900-01-01', true, '', NULL),
 (NULL, 'Äöü,"x"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


@pytest.fixture(scope="module")
def url(base_stack: Any) -> Iterator[str]:
    server = setting("POSTGRES_URL")
    with connect(server) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {DATABASE}")
    url = server.rpartition("/")[0] + f"/{DATABASE}"
    with connect(url) as connection:
        connection.execute("CREATE TABLE customers (customer_id int PRIMARY KEY, name text NOT NULL)")
        connection.execute(ODD)
        connection.execute(ODD_ROWS)
    yield url
    with connect(server) as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def cut(url: str) -> Iterator[PostgresCut]:
    taken = open_cut(url)
    yield taken
    taken.close()


def declared(url: str, table: str = "public.customers") -> PostgresTable:
    return PostgresTable(name="pg", connection={"url": url}, table=table)  # type: ignore[arg-type]


def keys(pinned: PinnedPostgres) -> list[Any]:
    found: list[Any] = sorted(pinned.rows(["customer_id"]).read_all().column(0).to_pylist())
    return found


def xid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert row is not None
    return int(row[0])


def test_a_cut_sees_exactly_the_transactions_committed_before_it(url: str) -> None:
    with connect(url, autocommit=False) as running, connect(url, autocommit=False) as before:
        running.execute("INSERT INTO customers VALUES (1, 'running')")
        before.execute("INSERT INTO customers VALUES (2, 'before')")
        running_id, before_id = xid(running), xid(before)
        before.commit()
        taken = open_cut(url)
        try:
            with connect(url, autocommit=False) as after:
                after.execute("INSERT INTO customers VALUES (3, 'after')")
                after_id = xid(after)
            running.commit()
            pinned = taken.table(declared(url))
            assert [taken.cut.contains(i) for i in (running_id, before_id, after_id)] == [False, True, False]
            assert keys(pinned) == [2]
            assert pinned.answer(frozenset({RowCount()}))[RowCount()].value == 1
            assert pinned.position == LsnPosition(taken.cut.lsn)
        finally:
            taken.close()
    later = open_cut(url)
    assert keys(later.table(declared(url))) == [1, 2, 3]
    assert later.cut.lsn > taken.cut.lsn
    later.close()
    with connect(url) as connection:
        connection.execute("TRUNCATE customers")


def test_the_mark_lies_behind_everything_of_the_cut_and_is_flushed(url: str) -> None:
    with connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("INSERT INTO customers VALUES (10, 'x')")
        taken = open_cut(url)
        second = taken.mark()
        row = connection.execute(
            "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", (LsnPosition(second).value(),)
        ).fetchone()
        taken.close()
        connection.execute("TRUNCATE customers")
    assert row == (True,)
    assert second > taken.cut.lsn > 0


def test_rows_come_with_exact_types_and_null_is_not_the_empty_text(url: str, cut: PostgresCut) -> None:
    pinned = cut.table(declared(url, "public.Odd table"))
    rows = pinned.rows().read_all()
    assert [str(t) for t in rows.schema.types] == [
        *("int64", "string", "decimal128(10, 2)", "double", "timestamp[us, tz=UTC]", "timestamp[us]", "date32[day]"),
        *("bool", "string", "string"),
    ]
    with connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        expected = connection.execute('SELECT * FROM "Odd table"').fetchall()
    found = [tuple(row.values()) for row in rows.to_pylist()]
    for have, want in zip(found, expected, strict=True):
        for mine, theirs in zip(have, want, strict=True):
            same_nan = isinstance(theirs, float) and math.isnan(theirs) and math.isnan(mine)
            assert same_nan or mine == (str(theirs) if type(theirs).__name__ == "UUID" else theirs)
    assert [f.id for f in pinned.schema().fields] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize("column", ["id", "e mail", "amount", "score", "at", "local", "day", "flag", "code", "tag"])
def test_a_column_by_itself_has_every_row_also_where_it_is_null(cut: PostgresCut, url: str, column: str) -> None:
    pinned = cut.table(declared(url, "public.Odd table"))
    alone = pinned.rows([column]).read_all().column(0)
    assert repr(alone.to_pylist()) == repr(pinned.rows().read_all().column(column).to_pylist())
    assert len(alone) == 5


def test_postgres_judges_every_measure_as_the_engines_do(url: str, cut: PostgresCut) -> None:
    pinned = cut.table(declared(url, "public.Odd table"))
    key = ("id",)
    columns = ["id", "e mail", "amount", "score", "at", "local", "day", "flag"]
    measures: set[RowMeasure] = {RowCount(), *(f(c) for f in (Minimum, Maximum) for c in columns)}
    predicates = [
        *(IsNull(c) for c in columns),
        *(f("amount", v) for f in (Below, Above) for v in (0, 1.1, "0.001", "-0.011")),
        *(f("score", v) for f in (Below, Above) for v in (0, -1.5, math.inf)),
        *(f("id", v) for f in (Below, Above) for v in (2, 2.5)),
        *(f("at", v) for f in (Below, Above) for v in ("2026-01-01T00:00:00.000001Z", "1950-01-01")),
        *(f("local", v) for f in (Below, Above) for v in ("2026-01-01T00:00:00.000001",)),
        *(f("day", v) for f in (Below, Above) for v in ("2026-01-01", "2026-01-01T12:00:00")),
        NotIn("e mail", ("", "a@b")),
        NotIn("e mail", ()),
        NotIn("amount", ("1.1", "0.005")),
        NotIn("score", (math.nan, 0)),
        NotIn("flag", (True,)),
        *(
            NotMatching("e mail", p)
            for p in (".*", r"[^@]+@[^@]+", r"\w*", r"[\w@]+", "a.b", "a|a@b", r"\S*", r"(a|b|@)+")
        ),
    ]
    measures |= {Violations(p, key) for p in predicates}
    told = pinned.answer(frozenset(measures))
    assert set(told) == measures
    computed = engine("duckdb").measure(pinned.rows, frozenset(measures))
    for measure in measures:
        mine, theirs = told[measure].value, computed[measure].value
        assert mine == theirs or repr(mine) == repr(theirs) == "nan", measure
    duplicates = DuplicateKeys(key)
    expected = DuplicateSample(1, 1, (({"id": 3}, 2),))
    assert pinned.answer(frozenset({duplicates}))[duplicates].value == expected
    assert engine("duckdb").measure(pinned.rows, frozenset({duplicates}))[duplicates].value == expected


def test_patterns_and_types_of_another_kind_are_left_to_the_engines(url: str, cut: PostgresCut) -> None:
    pinned = cut.table(declared(url, "public.Odd table"))
    left = frozenset({Violations(NotMatching("e mail", "(?i)A@B")), Minimum("code"), Minimum("tag")})
    assert pinned.answer(left) == {}


def test_a_stream_that_is_left_early_gives_back_its_connection(url: str, cut: PostgresCut) -> None:
    with connect(url) as connection:
        connection.execute(
            "CREATE TABLE many AS SELECT g AS id, repeat('x', 500) AS pad FROM generate_series(1, 50000) g"
        )
    late = open_cut(url)
    stream = late.table(declared(url, "public.many")).rows()
    assert stream.read_next_batch().num_rows > 0
    del stream
    with connect(url) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'"
        ).fetchone()
    assert rows == (0,)
    assert sum(b.num_rows for b in late.table(declared(url, "public.many")).rows()) == 50_000
    late.close()


def test_facts_tell_keys_publications_and_slots(url: str, cut: PostgresCut) -> None:
    with connect(url) as connection:
        connection.execute("CREATE PUBLICATION shop FOR TABLE customers")
        connection.execute("CREATE PUBLICATION nothing")
        connection.execute("SELECT pg_create_logical_replication_slot('stages_slot', 'pgoutput')")
        try:
            later = open_cut(url)
            topics = frozenset({Facts("slots"), Facts("publication"), Facts("table")})
            facts = {
                m.topic: v.value for m, v in later.table(declared(url)).answer(topics).items() if isinstance(m, Facts)
            }
            later.close()
        finally:
            connection.execute("SELECT pg_drop_replication_slot('stages_slot')")
    assert facts["publication"] == {"nothing": [], "shop": ["public.customers"]}
    assert facts["table"] == {"primary_key": ["customer_id"], "replica_identity": "default"}
    (slot,) = [s for s in facts["slots"] if s["name"] == "stages_slot"]
    assert (slot["active"], slot["plugin"], slot["database"], slot["wal_status"]) == (
        False,
        "pgoutput",
        DATABASE,
        "reserved",
    )
    assert slot["retained_bytes"] >= 0
    with pytest.raises(ConfigurationError, match="slots"):
        cut.table(declared(url)).answer(frozenset({Facts("weather")}))


def test_a_slot_that_is_dropped_and_made_anew_counts_its_transactions_anew(url: str) -> None:
    def told() -> dict[str, Any]:
        reader = open_stage(declared(url))
        facts = Facts("slots")
        found = reader.at(reader.reached().position).answer(frozenset({facts}))[facts].value
        reader.close()
        return next(s for s in found if s["name"] == "stages_again")

    with connect(url) as connection:

        def decode(times: int) -> dict[str, Any]:
            for _ in range(times):
                connection.execute("SELECT pg_logical_emit_message(true, 'stages', 'x')")
            connection.execute("SELECT count(*) FROM pg_logical_slot_get_changes('stages_again', NULL, NULL)")
            return told()

        connection.execute("SELECT pg_create_logical_replication_slot('stages_again', 'test_decoding')")
        try:
            decode(5)
            before = Deadline(30).wait_until(lambda: s if (s := decode(1))["total_txns"] else None)
            assert before
            connection.execute("SELECT pg_drop_replication_slot('stages_again')")
            connection.execute("SELECT pg_create_logical_replication_slot('stages_again', 'test_decoding')")
            after = told()
        finally:
            connection.execute("SELECT pg_drop_replication_slot('stages_again')")
    assert after["total_txns"] < before["total_txns"]
    for same in ("server_started", "system_identifier", "stats_reset", "safe_wal_size", "invalidation_reason"):
        assert after[same] == before[same], same


def test_a_stage_by_itself_tells_a_rising_position_and_reads_what_is_there(url: str) -> None:
    stage = open_stage(declared(url, "public.Odd table"))
    first = stage.reached().position
    write_mark(url)
    second = stage.reached().position
    assert second.covers(first) and not first.covers(second)
    assert stage.at(second).answer(frozenset({RowCount()}))[RowCount()].value == 5
    stage.close()


def test_what_is_not_there_is_named(url: str, cut: PostgresCut) -> None:
    missing = cut.table(declared(url, "public.nowhere"))
    for ask in (missing.schema, missing.rows, lambda: missing.answer(frozenset({RowCount()}))):
        with pytest.raises(TerminalError, match=r"public\.nowhere"):
            ask()
    with pytest.raises(TerminalError, match="no column 'zip'"):
        cut.table(declared(url)).rows(["zip"])


def test_a_value_without_place_in_its_arrow_type_is_an_error_that_names_the_column(url: str) -> None:
    with connect(url) as connection:
        connection.execute("CREATE TABLE not_numbers (id int, amount numeric(10,2))")
        connection.execute("INSERT INTO not_numbers VALUES (1, 'NaN')")
    taken = open_cut(url)
    pinned = taken.table(declared(url, "public.not_numbers"))
    assert pinned.rows(["id"]).read_all().num_rows == 1
    with pytest.raises(TerminalError, match="column 'amount'"):
        pinned.rows().read_all()
    taken.close()


def test_a_role_that_may_not_write_the_mark_is_told_what_to_grant(url: str) -> None:
    function = "pg_logical_emit_message(boolean, text, text, boolean)"
    with connect(url) as connection:
        connection.execute("DROP ROLE IF EXISTS stages_reader")
        connection.execute("CREATE ROLE stages_reader LOGIN")
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM public")
        try:
            with pytest.raises(ConfigurationError, match="GRANT EXECUTE"):
                open_cut(url.replace("postgres@", "stages_reader@"))
            connection.execute("GRANT EXECUTE ON FUNCTION " + function + " TO stages_reader")
            taken = open_cut(url.replace("postgres@", "stages_reader@"))
            with pytest.raises(ConfigurationError, match="permission denied"):
                taken.table(declared(url)).answer(frozenset({RowCount()}))
            taken.close()
        finally:
            connection.execute(f"GRANT EXECUTE ON FUNCTION {function} TO public")
            connection.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM stages_reader")
            connection.execute("DROP ROLE stages_reader")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda u: u.rpartition("/")[0] + "/nowhere", ConfigurationError),
        (lambda u: u.replace("postgres@", "nobody:secret@"), ConfigurationError),
        (lambda u: "postgresql://me:secret@127.0.0.1:1/shop", TransientError),
        (lambda u: "me:secret", ConfigurationError),
    ],
)
def test_a_server_that_cannot_be_reached_or_refuses_is_told_without_the_password(
    url: str, change: Any, kind: Any
) -> None:
    with pytest.raises(kind) as raised:
        open_cut(change(url))
    assert "secret" not in str(raised.value)


def test_a_connection_that_is_cut_off_is_a_transient_error(url: str, cut: PostgresCut) -> None:
    with connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(TransientError):
        cut.table(declared(url)).answer(frozenset({RowCount()}))
