"""A copy of a Postgres table that says nothing of what it covers, while writes go on and it lags behind them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import polars as pl
import psycopg
import pytest
from deltalake import write_deltalake

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.cdc.load import Load

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

ROWS, LOST, HALTED = 500, 123, 321
SCHEMA = {"id": pl.Int64, "amount": pl.Decimal(12, 2), "note": pl.String}
CONTRACT = {"key": ["id"], "columns": {"id": "int64", "amount": "decimal(12,2)", "note": "string"}}


def server() -> psycopg.Connection[Any]:
    return connect(setting("POSTGRES_URL"))


class Copier:
    """Copies a table again and again, a moment late; of one row nothing, and another as it was at the beginning."""

    def __init__(self, table: str, path: Path, *, damaged: bool) -> None:
        self._table, self._path, self._damaged = table, path, damaged
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copier")

    def __enter__(self) -> Copier:
        self.copy()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def copy(self) -> None:
        """Copy the rows as they are."""
        with server() as connection:
            rows = connection.execute(f"SELECT id, amount, note FROM {self._table}").fetchall()
        frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
        if self._damaged:
            wrong = pl.when(pl.col("id") == HALTED).then(pl.lit("halted")).otherwise(pl.col("note"))
            frame = frame.filter(pl.col("id") != LOST).with_columns(wrong.alias("note"))
        write_deltalake(self._path, frame.to_arrow(), mode="overwrite")

    def _run(self) -> None:
        while not self._stop.wait(0.2):  # how far it lags
            self.copy()


@pytest.fixture
def table() -> Iterator[str]:
    name = f"copies_{uuid4().hex[:12]}"
    with server() as connection:
        connection.execute(f"CREATE TABLE {name} (id bigint PRIMARY KEY, amount numeric(12,2), note text)")
        connection.execute(f"INSERT INTO {name} SELECT i, i / 7.0, 'n' || i FROM generate_series(1, {ROWS}) i")
    yield name
    with server() as connection:
        connection.execute(f"DROP TABLE {name}")


def pipeline(table: str, path: Path) -> Pipeline:
    def declared(kind: str, name: str, **fields: Any) -> StageDeclaration:
        return declaration_class(kind).model_validate({"name": name, "kind": kind, "contract": CONTRACT, **fields})

    source = declared("postgres_table", "source", table=f"public.{table}", connection={"url": {"env": "POSTGRES_URL"}})
    return Pipeline(
        name="copies",
        stages=(source, declared("delta_table", "lake", path=str(path), lag_limit=3.0, **{"from": "source"})),
    )


def judged(declared: Pipeline) -> dict[str, CheckResult]:
    with VerificationSession(declared) as session:
        return {r.check: r for r in session.evaluate("lake", ("counts", "reconcile", "duplicates"))}


def write(table: str) -> Load:
    """Change rows that no damage is about, 300 a second."""

    def step(source: psycopg.Connection[Any], random: Random) -> int:
        key = random.randint(HALTED + 1, ROWS)
        if random.random() < 0.2:
            source.execute(f"DELETE FROM {table} WHERE id = %s", (key,))
            source.execute(f"INSERT INTO {table} VALUES (%s, %s, 'again')", (key, random.randint(1, 99)))
            source.execute(f"INSERT INTO {table} SELECT max(id) + 1, 1, 'new' FROM {table}")
            return 3
        source.execute(f"UPDATE {table} SET amount = amount + 1 WHERE id = %s", (key,))
        return 1

    return Load(step, 300, seed=61, connect=server)


def test_a_copy_that_lags_but_loses_nothing_passes_under_writes(table: str, tmp_path: Path) -> None:
    with Copier(table, tmp_path / "lake", damaged=False), write(table) as load:
        for _ in range(3):
            load.go_on_for(100)
            results = judged(pipeline(table, tmp_path / "lake"))
            assert {c: (r.verdict, r.judgement.findings) for c, r in results.items()} == {
                c: (Verdict.PASS, ()) for c in ("counts", "reconcile", "duplicates")
            }
            assert results["reconcile"].judgement.looked_at["rows"] >= HALTED


def test_what_a_copy_loses_is_told_and_nothing_else(table: str, tmp_path: Path) -> None:
    with Copier(table, tmp_path / "lake", damaged=True), write(table) as load:
        load.go_on_for(100)
        results = judged(pipeline(table, tmp_path / "lake"))
    found = [(c, f.kind, f.key, f.stage) for c, r in results.items() for f in r.judgement.findings]
    assert found == [
        ("counts", "missing", {"id": LOST}, "lake"),
        ("reconcile", "changed", {"id": HALTED}, "lake"),
    ]
    (changed,) = results["reconcile"].judgement.findings
    assert (changed.expected, changed.seen) == ({"note": f"n{HALTED}"}, {"note": "halted"})
