"""A second check compares what was touched since the first, and finds the same as one that compares everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.delta_lake import DamagedDelta
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.delta import DeltaTable
from pipeline_checks.values import buckets
from pipeline_checks.verification import increment, proving
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import URL_VARIABLE
from pipeline_checks.verification.run import Options, run_checks
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.mover import stopped
from pipeline_checks_tests.conftest import RunningStack

TABLES = ("delta_products", "iceberg_products")
STAGES = ("pg_products", "topic_products", *TABLES)


@pytest.fixture
def small_steps(main_job: MainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of the test's own, and sizes by which a small table is narrowed as a large one is."""
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setattr(proving, "LEAST_BYTES", 0)
    monkeypatch.setattr(increment, "MOST_REWRITTEN", 1.0)  # small tables are few files
    monkeypatch.setattr(buckets, "ROWS_OF_A_BUCKET", 8)


def checked(pipeline: Pipeline, *, full: bool = False) -> tuple[RunResult, set[str]]:
    """Compare the products; return the result and the tables of which an earlier proof left rows out."""
    lines: list[str] = []
    result = run_checks(pipeline, STAGES, ("counts", "reconcile"), Options(full=full, progress=lines.append))
    assert not [line for line in lines if "compared in full" in line], lines
    return result, {line.partition(":")[0] for line in lines if "rows are proved since" in line}


def rows(result: RunResult) -> dict[tuple[str, str], int]:
    return {(c.stage, c.check): c.judgement.measures["rows"] for c in result.checks}


def findings(result: RunResult) -> set[tuple[str, str, str, int]]:
    return {
        (c.stage, f.kind, f.stage, (f.key or {})["product_id"]) for c in result.checks for f in c.judgement.findings
    }


@pytest.fixture
def damaged(stack: RunningStack, pipeline: Pipeline) -> Iterator[Callable[[int, int], None]]:
    """Change one product's name in the Delta table and delete another; undone at the end."""
    stage = pipeline.stage("delta_products")
    assert isinstance(stage, DeltaTable)
    table, marks = DamagedDelta(stage), []

    def damage(changed: int, deleted: int) -> None:
        with stopped(stack):
            marks.append(table.mark())
            rows = pl.DataFrame(table.rows()).filter(pl.col("product_id") != deleted)
            is_changed = pl.col("product_id") == changed
            name = pl.when(is_changed).then(pl.lit("Damaged")).otherwise(pl.col("product_name"))
            table.replace(rows.with_columns(name.alias("product_name")).to_arrow().cast(table.rows().schema), None)

    yield damage
    for mark in marks:
        with stopped(stack):
            table.restore(mark)


@pytest.mark.usefixtures("small_steps")
def test_only_what_was_touched_is_compared_again_and_damage_by_others_is_found(
    pipeline: Pipeline, damaged: Callable[[int, int], None]
) -> None:
    first, narrowed = checked(pipeline)
    assert {c.verdict for c in first.checks} == {Verdict.PASS}, [c.judgement.message for c in first.checks]
    assert narrowed == set(), "nothing was proved before"
    with Ledger.existing() as ledger:
        proved = {(p.upstream, p.stage) for p in ledger.last_proofs(pipeline.name)}
    assert proved >= {("pg_products", "topic_products"), *(("pg_products", table) for table in TABLES)}

    with connect(setting("CDC_POSTGRES_URL"), autocommit=True) as source:
        statement = "INSERT INTO products (product_name, price) VALUES ('increment', 1) RETURNING product_id"
        row = source.execute(statement).fetchone()
        assert row is not None
        source.execute("UPDATE products SET price = 2 WHERE product_id = %s", (row[0],))
        keys = [k for (k,) in source.execute("SELECT product_id FROM products ORDER BY 1 LIMIT 2")]

    second, narrowed = checked(pipeline)
    assert {c.verdict for c in second.checks} == {Verdict.PASS}, [c.judgement.message for c in second.checks]
    assert narrowed == set(TABLES)
    whole, narrowed = checked(pipeline, full=True)
    assert narrowed == set()
    assert rows(second) == rows(whole)
    assert rows(second) == {place: count + 1 for place, count in rows(first).items()}

    damaged(*keys)
    for full in (False, True):
        result, narrowed = checked(pipeline, full=full)
        assert findings(result) == {
            ("delta_products", "changed", "delta_products", keys[0]),
            ("delta_products", "missing", "delta_products", keys[1]),
        }
        assert narrowed == (set() if full else set(TABLES))
