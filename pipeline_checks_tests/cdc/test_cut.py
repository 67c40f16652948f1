"""Which transactions belong to a cut: committed ones, whole, and no others, whatever is open while it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.conftest import MainJob

INSERT = "INSERT INTO customers (first_name, last_name, email) VALUES ('Cut', %s, %s) RETURNING customer_id"
STAGES = ("pg_customers", "topic_customers", "delta_customers", "iceberg_customers")


@pytest.fixture
def writer(main_job: MainJob) -> Iterator[psycopg.Connection[tuple[int]]]:
    """A connection whose transactions are written out."""
    with connect(setting("CDC_POSTGRES_URL")) as connection:
        yield connection


def inserted(writer: psycopg.Connection[tuple[int]], name: str) -> int:
    row = writer.execute(INSERT, (name, f"{uuid4().hex}@cut.example.com")).fetchone()
    assert row is not None
    return row[0]


def customers(pipeline: Pipeline) -> RunResult:
    """Compare the customers at each stage by keys and values; everything must be equal."""
    result = run_checks(pipeline, STAGES, ("counts", "reconcile"))
    told = [f"{c.stage}.{c.check} {c.verdict}: {c.judgement.message}" for c in result.checks]
    assert [t for t, c in zip(told, result.checks, strict=True) if c.verdict is not Verdict.PASS] == []
    return result


def rows(result: RunResult) -> dict[str, int]:
    return {c.stage: c.judgement.measures["rows"] for c in result.checks if c.check == "counts"}


def test_a_prepared_transaction_is_outside_until_it_is_committed(
    writer: psycopg.Connection[tuple[int]], pipeline: Pipeline
) -> None:
    before, name = rows(customers(pipeline)), f"cut_{uuid4().hex}"
    writer.execute("BEGIN")
    inserted(writer, "prepared")
    writer.execute(f"PREPARE TRANSACTION '{name}'")
    try:
        inserted(writer, "committed meanwhile")
        during = customers(pipeline)
        assert rows(during) == {stage: count + 1 for stage, count in before.items()}
    finally:
        writer.execute(f"COMMIT PREPARED '{name}'")
    assert rows(customers(pipeline)) == {stage: count + 2 for stage, count in before.items()}


def test_what_a_subtransaction_did_belongs_to_its_transaction_and_what_was_rolled_back_to_none(
    writer: psycopg.Connection[tuple[int]], pipeline: Pipeline
) -> None:
    before = rows(customers(pipeline))
    writer.execute("BEGIN")
    inserted(writer, "outer")
    for kept in (True, False, True):
        writer.execute("SAVEPOINT inner_one")
        inserted(writer, "inner")
        writer.execute("RELEASE SAVEPOINT inner_one" if kept else "ROLLBACK TO SAVEPOINT inner_one")
    assert rows(customers(pipeline)) == before, "nothing of it is committed"
    writer.execute("COMMIT")
    assert rows(customers(pipeline)) == {stage: count + 3 for stage, count in before.items()}


def test_a_transaction_that_began_before_the_cut_and_ends_behind_it_is_outside(
    writer: psycopg.Connection[tuple[int]], pipeline: Pipeline
) -> None:
    before = rows(customers(pipeline))
    writer.execute("BEGIN")
    key = inserted(writer, "early")
    with connect(setting("CDC_POSTGRES_URL")) as other:
        other.execute(
            "UPDATE customers SET city = 'Elsewhere' WHERE customer_id = (SELECT min(customer_id) FROM customers)"
        )
    during = customers(pipeline)
    assert during.cut is not None
    assert rows(during) == before
    writer.execute("UPDATE customers SET city = 'Late' WHERE customer_id = %s", (key,))
    writer.execute("COMMIT")
    assert rows(customers(pipeline)) == {stage: count + 1 for stage, count in before.items()}
