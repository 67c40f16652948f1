"""The CDC pipeline checked from a hot standby of its source, while the connector reads the primary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.postgres import PostgresConnection
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.standby import paused, standby_of

STAGES = ("pg_customers", "topic_customers", "delta_customers", "iceberg_customers")
INSERT = "INSERT INTO customers (first_name, last_name, email) VALUES ('Replica', 'x', %s) RETURNING customer_id"

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def replica(stack: RunningStack, main_job: MainJob) -> Iterator[str]:
    """The URL of the captured database at a standby."""
    with standby_of(stack, setting("CDC_POSTGRES_URL")) as url:
        yield url


@pytest.fixture(scope="module")
def from_replica(pipeline: Pipeline, replica: str) -> Pipeline:
    """The pipeline with its source tables at the standby."""
    connection = PostgresConnection.model_validate({"url": replica, "primary": {"env": "CDC_POSTGRES_URL"}})
    stages = tuple(
        s.model_copy(update={"connection": connection}) if s.kind == "postgres_table" else s for s in pipeline.stages
    )
    return pipeline.model_copy(update={"stages": stages})


def checked(pipeline: Pipeline, deadline: float = 60) -> RunResult:
    return run_checks(pipeline, STAGES, ("counts", "reconcile"), Options(deadline=deadline))


def inserted(writer: Connection) -> int:
    row = writer.execute(INSERT, (f"{uuid4().hex}@replica.example.com",)).fetchone()
    assert row is not None
    return int(row[0])


def rows(result: RunResult) -> dict[str, int]:
    told = [f"{c.stage}.{c.check} {c.verdict}: {c.judgement.message}" for c in result.checks]
    assert {c.verdict for c in result.checks} == {Verdict.PASS}, told
    return {c.stage: c.judgement.measures["rows"] for c in result.checks if c.check == "counts"}


def test_every_stage_is_compared_at_the_cut_of_the_standby_with_transactions_under_way(
    from_replica: Pipeline,
) -> None:
    before, name = rows(checked(from_replica)), f"replica_{uuid4().hex}"
    with connect(setting("CDC_POSTGRES_URL")) as prepared, connect(setting("CDC_POSTGRES_URL")) as writer:
        prepared.execute("BEGIN")
        inserted(prepared)
        prepared.execute(f"PREPARE TRANSACTION '{name}'")
        try:
            inserted(writer)
            assert rows(checked(from_replica)) == {stage: count + 1 for stage, count in before.items()}
        finally:
            prepared.execute(f"COMMIT PREPARED '{name}'")
    assert rows(checked(from_replica)) == {stage: count + 2 for stage, count in before.items()}


def test_of_a_standby_that_lags_nothing_is_proved_at_any_stage(from_replica: Pipeline, replica: str) -> None:
    with paused(replica), connect(setting("CDC_POSTGRES_URL")) as writer:
        key = inserted(writer)
        result = checked(from_replica, deadline=3)
        assert {c.verdict for c in result.checks} == {Verdict.UNSETTLED}, [c.judgement.message for c in result.checks]
        assert all("the standby has replayed" in c.judgement.message for c in result.checks)
        writer.execute("DELETE FROM customers WHERE customer_id = %s", (key,))
    rows(checked(from_replica))
