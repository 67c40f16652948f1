"""Odd tables as sources: without a key, partitioned, inherited, generated, hidden by policies, altered meanwhile."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.errors import ConfigurationError, SnapshotLostError, TransientError
from pipeline_checks.model.measure import RowCount
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages import postgres_snapshot
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_columns import columns_of
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks.stages.postgres_pinned import PinnedPostgres
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.stages.postgres_types import PostgresColumn
from pipeline_checks_tests.stack.postgres_sources.checking import checked, findings, table, told, verdicts

pytestmark = pytest.mark.stack

Connection = psycopg.Connection[tuple[Any, ...]]


def declared(url: str, name: str) -> PostgresTable:
    return PostgresTable.model_validate({"name": "s", "connection": {"url": url}, "table": f"public.{name}"})


def ids(pinned: PinnedPostgres) -> list[int]:
    return sorted(pinned.rows(["id"]).read_all().column(0).to_pylist())


def test_a_table_without_a_key_is_counted_and_judged_by_everything_that_needs_none(
    database: Connection, url: str
) -> None:
    database.execute("CREATE TABLE log (id int, note text)")
    database.execute("INSERT INTO log VALUES (1, 'a'), (1, 'a'), (NULL, NULL)")
    keyless = {"key": [], "columns": {"id": "int32", "note": {"type": "string", "accepted": ["a"]}}}
    result = checked(table("log", url, contract=keyless))
    assert verdicts(result, "log") == {Verdict.PASS}, told(result, "log")
    assert "duplicates" not in told(result, "log")
    (counts,) = [c for c in result.checks if (c.stage, c.check) == ("log", "counts")]
    assert counts.judgement.looked_at == {"rows": 3}
    database.execute("INSERT INTO log VALUES (7, 'b')")
    result = checked(table("log", url, contract=keyless))
    assert [kind for kind, _, _ in findings(result)] == ["unaccepted_value"]
    result = checked(table("log", url, contract={**keyless, "counts": {"max": 3}}))
    assert "unexpected" in [kind for kind, _, _ in findings(result)]


def test_not_to_name_a_key_is_a_mistake(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names no key.*key: \[\] where none do"):
        checked(table("log", url, contract={"columns": {"id": "int32"}}))


def test_null_keys_of_a_unique_index_are_told_as_duplicates_of_each_other(database: Connection, url: str) -> None:
    database.execute("CREATE TABLE items (id int UNIQUE, note text)")
    database.execute("INSERT INTO items VALUES (1, 'a'), (NULL, 'b')")
    assert verdicts(checked(table("items", url)), "items") == {Verdict.PASS}
    database.execute("INSERT INTO items VALUES (NULL, 'c')")
    found = [f for f in findings(checked(table("items", url))) if f[0] == "duplicate"]
    assert set(map(repr, found)) == {repr(("duplicate", "items", {"id": None}))}


def test_a_partitioned_table_is_one_table_with_the_rows_of_all_its_partitions(database: Connection, url: str) -> None:
    database.execute("CREATE TABLE items (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE items_lowest PARTITION OF items_low FOR VALUES FROM (0) TO (5)")
    database.execute("CREATE TABLE items_rest PARTITION OF items DEFAULT")
    database.execute("INSERT INTO items SELECT g, 'x' FROM generate_series(0, 4) g")
    database.execute("INSERT INTO items SELECT g, 'x' FROM generate_series(10, 14) g")
    result = checked(table("items", url))
    assert verdicts(result, "items") == {Verdict.PASS}, told(result, "items")
    assert [s.rows.value for s in result.stages if s.rows] == [10]


def test_an_inherited_table_has_the_rows_of_its_children_and_their_keys_may_collide(
    database: Connection, url: str
) -> None:
    database.execute("CREATE TABLE items (id int PRIMARY KEY, note text)")
    database.execute("CREATE TABLE child (more int) INHERITS (items)")
    database.execute("INSERT INTO items VALUES (1, 'a'); INSERT INTO child VALUES (2, 'b', 3)")
    assert verdicts(checked(table("items", url)), "items") == {Verdict.PASS}
    database.execute("INSERT INTO child VALUES (1, 'c', 4)")
    assert ("duplicate", "items", {"id": 1}) in findings(checked(table("items", url)))


def test_generated_columns_and_views_are_read_as_they_show(database: Connection, url: str) -> None:
    database.execute(
        "CREATE TABLE items (id int PRIMARY KEY, note text, long int GENERATED ALWAYS AS (length(note)) STORED,"
        " twice text GENERATED ALWAYS AS (note || note) VIRTUAL)"
    )
    database.execute("INSERT INTO items VALUES (1, 'abc'), (2, NULL)")
    database.execute("CREATE VIEW shown AS SELECT id, twice AS note FROM items")
    database.execute("CREATE MATERIALIZED VIEW kept AS SELECT id, note FROM items")
    cut = open_cut(url)
    try:
        rows = cut.table(declared(url, "items")).rows().read_all().to_pylist()
        views = [cut.table(declared(url, name)).rows().read_all().to_pylist() for name in ("shown", "kept")]
    finally:
        cut.close()
    assert rows == [{"id": 1, "note": "abc", "long": 3, "twice": "abcabc"}, dict.fromkeys(rows[1]) | {"id": 2}]
    assert views == [
        [{"id": 1, "note": "abcabc"}, {"id": 2, "note": None}],
        [{"id": 1, "note": "abc"}, {"id": 2, "note": None}],
    ]


def test_a_composite_key_with_text_is_told_in_full(database: Connection, url: str) -> None:
    database.execute("CREATE TABLE items (id int, note text COLLATE pg_unicode_fast, PRIMARY KEY (id, note))")
    database.execute("INSERT INTO items VALUES (1, 'a'), (1, 'A'), (1, 'á'), (2, '')")
    contract = {
        "key": ["id", "note"],
        "columns": {"id": "int32", "note": {"type": "string", "accepted": ["a", "A", ""]}},
    }
    assert findings(checked(table("items", url, contract=contract))) == [
        ("unaccepted_value", "items", {"id": 1, "note": "á"})
    ]


@pytest.fixture
def reader(database: Connection, url: str) -> Any:
    """The URL of a role that may do nothing but what the test grants it."""
    database.execute("CREATE ROLE sources_reader LOGIN")
    yield url.replace("postgres@", "sources_reader@")
    database.execute("DROP OWNED BY sources_reader")
    database.execute("DROP ROLE sources_reader")


def test_rows_that_a_policy_hides_are_an_error_and_not_fewer_rows(database: Connection, url: str, reader: str) -> None:
    database.execute("CREATE TABLE items (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO items VALUES (1, 'mine'), (2, 'others')")
    database.execute("GRANT SELECT ON items TO sources_reader")
    assert verdicts(checked(table("items", reader)), "items") == {Verdict.PASS}
    database.execute("ALTER TABLE items ENABLE ROW LEVEL SECURITY")
    database.execute("CREATE POLICY mine ON items USING (note = 'mine')")
    result = checked(table("items", reader))
    assert verdicts(result, "items") == {Verdict.ERROR}
    assert all("row-level security" in message for _, message in told(result, "items").values())
    database.execute("ALTER ROLE sources_reader BYPASSRLS")
    assert verdicts(checked(table("items", reader)), "items") == {Verdict.PASS}


def test_what_a_role_may_not_read_is_an_error_there_and_the_tables_beside_it_are_judged(
    database: Connection, url: str, reader: str
) -> None:
    for name in ("closed", "items", "partly"):
        database.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, note text, secret text)")
        database.execute(f"INSERT INTO {name} VALUES (1, 'x', 's')")
    database.execute("GRANT SELECT ON items TO sources_reader; GRANT SELECT (id, note) ON partly TO sources_reader")
    stages = [table(n, reader, ignore=["secret"]) for n in ("closed", "items", "partly", "nowhere")]
    result = checked(*stages)
    assert verdicts(result, "closed") == verdicts(result, "nowhere") == {Verdict.ERROR}
    assert all("permission denied" in message for _, message in told(result, "closed").values())
    assert verdicts(result, "items") == verdicts(result, "partly") == {Verdict.PASS}, told(result, "partly")


ITEMS = "CREATE TABLE items (id int PRIMARY KEY, note text); INSERT INTO items VALUES (1, 'a'), (2, 'b')"
PARTS = """
CREATE TABLE items (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (10);
CREATE TABLE high PARTITION OF items FOR VALUES FROM (10) TO (20);
INSERT INTO items VALUES (1, 'a'), (11, 'b')
"""
ALTERED = {
    "truncated": (ITEMS, "TRUNCATE items", "truncated or rewritten: items"),
    "truncated and filled": (ITEMS, "TRUNCATE items; INSERT INTO items VALUES (3, 'c')", "truncated or rewritten"),
    "rewritten": (ITEMS, "ALTER TABLE items ALTER id TYPE bigint", "truncated or rewritten: items"),
    "column added": (ITEMS, "ALTER TABLE items ADD more int", "its columns are now id, note, more"),
    "column renamed": (ITEMS, "ALTER TABLE items RENAME note TO text", "its columns are now id, text"),
    "column dropped": (ITEMS, "ALTER TABLE items DROP note", "its columns are now id"),
    "renamed": (ITEMS, "ALTER TABLE items RENAME TO others", "does not exist"),
    "dropped": (ITEMS, "DROP TABLE items", "does not exist"),
    "exchanged": (
        ITEMS + "; CREATE TABLE other (id int PRIMARY KEY, note text)",
        "ALTER TABLE items RENAME TO old; ALTER TABLE other RENAME TO items",
        "another table has its name",
    ),
    "partition truncated": (PARTS, "TRUNCATE low", "truncated or rewritten: low"),
    "partition taken off": (PARTS, "ALTER TABLE items DETACH PARTITION high", "its partitions"),
    "partition added": (PARTS, "CREATE TABLE top PARTITION OF items FOR VALUES FROM (20) TO (30)", "its partitions"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_table_that_is_altered_behind_the_cut_is_not_read_as_something_else(
    database: Connection, url: str, name: str
) -> None:
    made, alteration, words = ALTERED[name]
    database.execute(made)
    cut = open_cut(url)
    try:
        database.execute(alteration)
        for ask in ("schema", "rows"):
            with pytest.raises(SnapshotLostError, match=rf"items was altered after the cut was taken \(.*{words}"):
                getattr(cut.table(declared(url, "items")), ask)()
        with pytest.raises(SnapshotLostError):
            cut.table(declared(url, "items")).answer(frozenset({RowCount()}))
    finally:
        cut.close()


@pytest.mark.parametrize("made", [ITEMS, PARTS])
def test_what_leaves_the_rows_of_the_cut_in_place_is_no_alteration(database: Connection, url: str, made: str) -> None:
    database.execute(made)
    before = [x for (x,) in database.execute("SELECT id FROM items ORDER BY id")]
    cut = open_cut(url)
    try:
        database.execute(
            "INSERT INTO items VALUES (5, 'later'); UPDATE items SET note = 'z'; DELETE FROM items WHERE id = 1"
        )
        database.execute("CREATE INDEX ON items (note); COMMENT ON TABLE items IS 'x'")
        database.execute("ANALYZE items")
        database.execute("VACUUM items")
        assert ids(cut.table(declared(url, "items"))) == before
    finally:
        cut.close()


def test_a_check_takes_the_cut_again_when_a_table_was_altered_and_is_an_error_when_it_always_is(
    database: Connection, url: str
) -> None:
    database.execute(ITEMS)
    database.execute("CREATE TABLE first AS SELECT * FROM items")
    stages = (table("first", url), table("items", url))
    left = [1]

    def truncating(message: str) -> None:
        # The first table is judged: the cut is taken; nothing of the second has been read.
        if left[0] and message == "settling items":
            left[0] -= 1
            database.execute("TRUNCATE items")
            database.execute("INSERT INTO items VALUES (3, 'c')")

    result = checked(*stages, progress=truncating)
    assert left == [0]
    assert verdicts(result, "items") == verdicts(result, "first") == {Verdict.PASS}, told(result, "items")
    assert {s.name: s.rows.value for s in result.stages if s.rows} == {"first": 2, "items": 1}

    again: list[str] = []
    seen: list[Snapshot] = []

    def altered(snapshot: Snapshot, schema: str, name: str) -> tuple[PostgresColumn, ...]:
        if name == "items" and snapshot not in seen:  # later it is locked, by the asking itself
            seen.append(snapshot)
            database.execute(f"ALTER TABLE items ADD c{len(seen)} int")
        return columns_of(snapshot, schema, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline_checks.stages.postgres_pinned.columns_of", altered)
        result = checked(*stages, progress=again.append)
    assert verdicts(result, "items") == {Verdict.ERROR}
    assert all("was altered after the cut was taken" in message for _, message in told(result, "items").values())
    assert len([m for m in again if m.startswith("taking the cut again")]) == 2
    assert verdicts(result, "first") == {Verdict.PASS}


def test_a_table_that_is_being_altered_is_waited_for_and_then_an_error(
    database: Connection, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(ITEMS)
    monkeypatch.setattr(postgres_snapshot, "LOCK_SECONDS", 0.2)
    cut = open_cut(url)
    try:
        with connect(url, autocommit=False) as migration:
            migration.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(TransientError, match=r"public\.items: .*lock timeout.*altering the table"):
                ids(cut.table(declared(url, "items")))
            migration.rollback()
        assert ids(cut.table(declared(url, "items"))) == [1, 2]
    finally:
        cut.close()
