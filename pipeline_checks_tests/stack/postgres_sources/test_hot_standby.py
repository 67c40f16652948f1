"""A hot standby as the source: its cut is exact, a late one proves nothing, and a snapshot it gives up is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, SnapshotLostError
from pipeline_checks.model.measure import Facts, Minimum, RowCount
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages import postgres_standby
from pipeline_checks.stages.postgres import PostgresTable, open_stage
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks.stages.postgres_snapshot import Snapshot
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks

pytestmark = pytest.mark.stack

Connection = psycopg.Connection[tuple[Any, ...]]


def declared(standby: str, primary: str | None) -> PostgresTable:
    return PostgresTable.model_validate(
        {"name": "source", "connection": {"url": standby, "primary": primary}, "table": "public.items"}
    )


def checked(
    standby: str, primary: str | None, deadline: float = 20, also: Sequence[Any] = (), **contract: Any
) -> RunResult:
    """Check a pipeline whose source is the standby."""
    source = {
        "name": "source",
        "kind": "postgres_table",
        "connection": {"url": standby, "primary": primary},
        "table": "public.items",
        "contract": {"key": ["id"], "columns": {"id": "int64", "note": "string"}, **contract},
    }
    pipeline = build_pipeline({"name": "replica", "stages": [source, *also]})
    return run_checks(pipeline, options=Options(deadline=deadline))


def told(result: RunResult) -> dict[str, tuple[Verdict, str]]:
    return {c.check: (c.verdict, c.judgement.message) for c in result.checks}


@pytest.fixture
def items(database: Connection, caught_up: Callable[[], None]) -> Connection:
    """A table of three rows, on both servers."""
    database.execute("CREATE TABLE items (id bigint PRIMARY KEY, note text)")
    database.execute("INSERT INTO items SELECT g, 'x' FROM generate_series(1, 3) g")
    caught_up()
    return database


def test_a_standby_is_checked_like_its_primary_with_a_mark_written_there(
    items: Connection, url: str, standby: str
) -> None:
    result = checked(standby, url)
    assert {v for v, _ in told(result).values()} == {Verdict.PASS}, told(result)
    assert result.cut is not None
    (stage,) = result.stages
    assert (stage.covers_cut, stage.rows and stage.rows.value) == (True, 3)


def test_damage_is_told_of_a_standby_as_of_its_primary(items: Connection, url: str, standby: str) -> None:
    items.execute("INSERT INTO items VALUES (4, 'z')")
    result = checked(standby, url, columns={"id": "int64", "note": {"type": "string", "accepted": ["x"]}})
    (finding,) = [f for c in result.checks for f in c.judgement.findings]
    assert (finding.kind, finding.stage, finding.key) == ("unaccepted_value", "source", {"id": 4})


def test_the_cut_of_a_standby_names_exactly_the_transactions_that_its_snapshot_sees(
    items: Connection, url: str, standby: str
) -> None:
    """Prepared and running transactions, with subtransactions, among many that end."""
    ids: dict[int, int] = {}

    def insert(connection: Connection, key: int) -> None:
        connection.execute("INSERT INTO items VALUES (%s, 'y')", (key,))
        row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        assert row is not None
        ids[key] = int(row[0])

    name = f"standby_{uuid4().hex}"
    with connect(url, autocommit=False) as running, connect(url) as other, connect(url) as prepared:
        insert(running, 10)
        with running.transaction():
            running.execute("INSERT INTO items VALUES (11, 'in a subtransaction')")
        prepared.execute("BEGIN")
        insert(prepared, 20)
        prepared.execute(f"PREPARE TRANSACTION '{name}'")
        for key in range(30, 40):
            with other.transaction():
                insert(other, key)
        cut = open_cut(standby, url)
        try:
            running.commit()
            other.execute(f"COMMIT PREPARED '{name}'")
            with other.transaction():
                insert(other, 50)
            table = cut.table(declared(standby, url))
            seen = set(table.rows(["id"]).read_all().column(0).to_pylist())
            assert seen == {1, 2, 3, *range(30, 40)}
            assert {k: cut.cut.contains(x) for k, x in ids.items()} == {k: k in seen for k in ids}
            assert {ids[10], ids[20]} <= cut.cut.snapshot.in_progress
        finally:
            cut.close()
        later = open_cut(standby, url)
        assert all(later.cut.contains(x) for x in ids.values())
        later.close()


def test_under_many_commits_the_cut_of_a_standby_agrees_with_what_it_shows(
    items: Connection, url: str, standby: str, committing: Any
) -> None:
    items.execute("CREATE TABLE written (id bigserial PRIMARY KEY, tx xid8 DEFAULT pg_current_xact_id())")
    with committing(url, "INSERT INTO written DEFAULT VALUES"):
        for _ in range(20):
            cut = open_cut(standby, url)
            try:
                table = PostgresTable.model_validate({**declared(standby, url).model_dump(), "table": "public.written"})
                shown = {int(x) for x in cut.table(table).rows(["tx"]).read_all().column(0).to_pylist()}
                with connect(url) as primary:
                    everything = {int(x) for (x,) in primary.execute("SELECT tx::text FROM written")}
                assert {x for x in everything if cut.cut.contains(x)} == shown
                assert len(shown) < len(everything)
            finally:
                cut.close()


def test_a_transaction_that_ends_while_the_snapshot_is_taken_asks_for_another_one(
    items: Connection, url: str, standby: str, caught_up: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(url, autocommit=False) as first, connect(url, autocommit=False) as second:
        first.execute("INSERT INTO items VALUES (10, 'ends during the first snapshot')")
        second.execute("INSERT INTO items VALUES (20, 'ends during the second')")
        ending, taken = [first, second], []

        def taking(url: str) -> Snapshot:
            taken.append(Snapshot(url))
            if ending:
                ending.pop(0).commit()
                caught_up()
            return taken[-1]

        caught_up()
        monkeypatch.setattr(postgres_standby, "Snapshot", taking)
        cut = open_cut(standby, url)
        shown = cut.table(declared(standby, url)).rows(["id"]).read_all().column(0).to_pylist()
        cut.close()
    written = {k: int(x) for k, x in items.execute("SELECT id, xmin::text FROM items")}
    assert sorted(shown) == sorted(k for k, x in written.items() if cut.cut.contains(x)) == [1, 2, 3, 10, 20]
    assert len(taken) == 3


def test_a_standby_without_access_to_its_primary_is_refused_with_the_reason(
    items: Connection, standby: str, url: str
) -> None:
    result = checked(standby, None)
    for verdict, message in told(result).values():
        assert verdict is Verdict.ERROR
        assert "is a hot standby: it takes no mark" in message and "primary: {env: NAME}" in message
    with pytest.raises(ConfigurationError, match="is a hot standby itself"):
        open_cut(standby, standby)


def test_another_server_than_the_primary_is_refused(items: Connection, standby: str, other_server: str) -> None:
    with pytest.raises(ConfigurationError, match="is another database cluster than that of"):
        open_cut(standby, other_server)


def test_a_standby_that_lags_behind_its_primary_is_unsettled_and_never_passes(
    items: Connection, url: str, standby: str, replay_paused: Any
) -> None:
    with replay_paused():
        items.execute("INSERT INTO items VALUES (4, 'not replayed')")
        result = checked(standby, url, deadline=1)
        assert {v for v, _ in told(result).values()} == {Verdict.UNSETTLED}, told(result)
        assert all("the standby has replayed" in m and "its primary had written" in m for _, m in told(result).values())
        (stage,) = result.stages
        assert stage.covers_cut is False
        assert (stage.lag_seconds or 0) > 0
    result = checked(standby, url)
    assert {v for v, _ in told(result).values()} == {Verdict.PASS}, told(result)
    assert [s.rows.value for s in result.stages if s.rows] == [4]


def test_a_copy_of_a_standby_that_lags_is_unsettled_too(
    items: Connection, url: str, standby: str, replay_paused: Any, tmp_path: Path
) -> None:
    write_deltalake(tmp_path, pa.table({"id": [1, 2, 3], "note": ["x", "x", "x"]}))
    copy = {"name": "copy", "kind": "delta_table", "from": "source", "path": str(tmp_path), "lag_limit": "1s"}
    result = checked(standby, url, also=[copy])
    assert {c.verdict for c in result.checks} == {Verdict.PASS}, [c.judgement.message for c in result.checks]
    with replay_paused():
        items.execute("INSERT INTO items VALUES (4, 'not replayed')")
        result = checked(standby, url, deadline=1, also=[copy])
        verdicts = {c.check: c.verdict for c in result.checks if c.stage == "copy"}
        assert {verdicts["counts"], verdicts["reconcile"]} == {Verdict.UNSETTLED}, verdicts


@pytest.fixture
def impatient(standby: str, standby_server: str) -> Any:
    """The standby gives up snapshots at once that are in the way of replaying."""
    with connect(standby_server) as replica:
        replica.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        replica.execute("SELECT pg_reload_conf()")
        yield
        replica.execute("ALTER SYSTEM RESET max_standby_streaming_delay")
        replica.execute("SELECT pg_reload_conf()")


def _clean_up(items: Connection, caught_up: Callable[[], None]) -> None:
    """Remove row versions that every older snapshot still sees, and wait until the standby has done so too."""
    items.execute("UPDATE items SET note = note || '.'")
    items.execute("VACUUM items")
    caught_up()


def test_a_snapshot_that_is_in_conflict_with_recovery_is_lost_and_says_so(
    items: Connection, url: str, standby: str, impatient: None, caught_up: Callable[[], None]
) -> None:
    cut = open_cut(standby, url)
    try:
        table = cut.table(declared(standby, url))
        assert table.answer(frozenset({RowCount()}))[RowCount()].value == 3
        _clean_up(items, caught_up)
        for ask in (lambda: table.answer(frozenset({Minimum("id")})), lambda: table.rows().read_all()):
            with pytest.raises(SnapshotLostError, match=r"conflict with recovery.*hot_standby_feedback"):
                ask()
    finally:
        cut.close()


@pytest.mark.parametrize("conflicts", [1, 3])
def test_a_check_takes_the_cut_again_after_a_conflict_and_is_an_error_when_it_always_is(
    items: Connection,
    url: str,
    standby: str,
    impatient: None,
    caught_up: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    conflicts: int,
) -> None:
    from pipeline_checks.verification.measuring import Measurer

    measure, left = Measurer.measure, [conflicts]

    def disturbed(self: Measurer, *arguments: Any, **named: Any) -> Any:
        if left[0] and not named.get("cheaply"):
            left[0] -= 1
            _clean_up(items, caught_up)
        return measure(self, *arguments, **named)

    monkeypatch.setattr(Measurer, "measure", disturbed)
    result = checked(standby, url)
    verdicts = told(result)
    if conflicts == 1:
        assert {v for v, _ in verdicts.values()} == {Verdict.PASS}, verdicts
    else:
        wrong = {k: m for k, (v, m) in verdicts.items() if v is Verdict.ERROR}
        assert "counts" in wrong, verdicts
        assert all("conflict with recovery" in m for m in wrong.values())


def test_a_table_of_a_standby_by_itself_can_be_read_and_slots_are_those_of_the_primary(
    items: Connection, url: str, standby: str
) -> None:
    items.execute("SELECT pg_create_logical_replication_slot('standby_slot', 'pgoutput')")
    try:
        stage = open_stage(declared(standby, url))
        pinned = stage.at(stage.reached().position)
        assert pinned.answer(frozenset({RowCount()}))[RowCount()].value == 3
        slots = pinned.answer(frozenset({Facts("slots")}))[Facts("slots")].value
        assert [s["name"] for s in slots if s["plugin"]] == ["standby_slot"]
        stage.close()
        own = open_stage(declared(standby, None))
        assert own.at(own.reached().position).answer(frozenset({Facts("slots")}))[Facts("slots")].value == []
        own.close()
    finally:
        dropped = Deadline(10).wait_until(lambda: items.execute("SELECT pg_drop_replication_slot('standby_slot')"))
        assert dropped
