"""Changes that the fold has to understand: keys that change under values kept out of line, and a table emptied."""

from __future__ import annotations

from random import Random
from string import ascii_letters
from uuid import uuid4

import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.conftest import MainJob

KINDS = ("counts", "reconcile", "ordering")


def checked(pipeline: Pipeline, table: str) -> RunResult:
    """Compare a table at each stage; everything must be equal."""
    stages = [f"{stage}_{table}" for stage in ("pg", "topic", "delta", "iceberg")]
    result = run_checks(pipeline, stages, KINDS)
    told = [f"{c.stage}.{c.check} {c.verdict}: {c.judgement.message}" for c in result.checks]
    assert [t for t, c in zip(told, result.checks, strict=True) if c.verdict is not Verdict.PASS] == []
    return result


def rows(result: RunResult) -> dict[str, int]:
    return {c.stage: c.judgement.measures["rows"] for c in result.checks if c.check == "counts"}


def test_keys_that_change_twice_under_a_value_kept_out_of_line_are_followed(
    main_job: MainJob, pipeline: Pipeline
) -> None:
    before = rows(checked(pipeline, "customers"))
    random = Random(11)
    long = "".join(random.choices(ascii_letters, k=60_000))
    with connect(setting("CDC_POSTGRES_URL")) as writer:
        row = writer.execute(
            "INSERT INTO customers (first_name, last_name, email, address) VALUES ('Long', 'Address', %s, %s)"
            " RETURNING customer_id",
            (f"{uuid4().hex}@long.example.com", long),
        ).fetchone()
        assert row is not None
        key, other = row[0], 2_000_000_000 + random.randrange(10**6)
        stored = writer.execute(
            "SELECT pg_column_size(address) FROM customers WHERE customer_id = %s", (key,)
        ).fetchone()
        assert stored is not None and stored[0] > 8_000, "it stands out of line"
        change = "UPDATE customers SET customer_id = %s WHERE customer_id = %s"
        writer.execute(change, (other, key))
        with writer.transaction():  # twice in one transaction, with a value between
            writer.execute(change, (other + 1, other))
            writer.execute("UPDATE customers SET city = 'Elsewhere' WHERE customer_id = %s", (other + 1,))
            writer.execute(change, (key, other + 1))
        try:
            assert rows(checked(pipeline, "customers")) == {stage: count + 1 for stage, count in before.items()}
        finally:
            writer.execute("DELETE FROM customers WHERE customer_id = %s", (key,))
    assert rows(checked(pipeline, "customers")) == before


@pytest.mark.leaves_damage
def test_a_table_that_is_emptied_and_filled_again_is_compared_with_what_came_after(
    main_job: MainJob, pipeline: Pipeline
) -> None:
    with connect(setting("CDC_POSTGRES_URL")) as writer, writer.transaction():
        writer.execute("TRUNCATE order_items")
        writer.execute(
            "INSERT INTO order_items (order_id, product_id, quantity, unit_price)"
            " SELECT (SELECT min(order_id) FROM orders), (SELECT min(product_id) FROM products), n, 10"
            " FROM generate_series(1, 3) AS n"
        )
    assert set(rows(checked(pipeline, "order_items")).values()) == {3}
