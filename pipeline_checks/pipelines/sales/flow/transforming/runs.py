"""What is recorded of runs: ``marts.dbt_runs``, and for the newest one each test in ``marts.dbt_test_results``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.pipelines.sales.flow.transforming.commands import NodeOutcome
from pipeline_checks.pipelines.sales.flow.transforming.loads import Loads

if TYPE_CHECKING:
    import psycopg

_TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS marts;
CREATE TABLE IF NOT EXISTS marts.dbt_runs (
    run_id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    seconds numeric(12, 3) NOT NULL,
    built boolean NOT NULL,
    success boolean NOT NULL,
    load_id bigint NOT NULL,
    loads jsonb NOT NULL,
    models integer NOT NULL,
    tests integer NOT NULL,
    failed_tests integer NOT NULL,
    error text,
    commands jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS marts.dbt_test_results (
    run_id text NOT NULL,
    test text NOT NULL,
    model text NOT NULL,
    severity text NOT NULL,
    status text NOT NULL,
    failures bigint,
    message text,
    PRIMARY KEY (run_id, test)
);
"""
_RUN: Final = """
INSERT INTO marts.dbt_runs (run_id, started_at, finished_at, seconds, built, success, load_id, loads, models, tests,
    failed_tests, error, commands)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_TEST: Final = """
INSERT INTO marts.dbt_test_results (run_id, test, model, severity, status, failures, message)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Run:
    """One run of dbt.

    Parameters
    ----------
    built:
        Whether every model was built; only then do the marts hold what the loads covered.
    success:
        Whether they were built and no test found anything (those that only warn left out).
    error:
        What stopped it, None when it came to its end.
    """

    run_id: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    built: bool
    success: bool
    loads: Loads
    models: int
    tests: tuple[NodeOutcome, ...]
    failed_tests: int
    error: str | None
    commands: tuple[dict[str, Any], ...]


def prepare_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the tables where they are not there."""
    connection.execute(_TABLES)


def covered_load(connection: psycopg.Connection[Any]) -> int:
    """Return the newest load that the marts hold and that the tests have judged, 0 before the first run."""
    row = connection.execute(
        "SELECT coalesce(max(load_id), 0) FROM marts.dbt_runs WHERE built AND error IS NULL"
    ).fetchone()
    return int(row[0]) if row else 0


def record(connection: psycopg.Connection[Any], run: Run) -> None:
    """Write down a run and its tests; the tests of earlier runs are removed."""
    from psycopg.types.json import Jsonb

    with connection.transaction():
        connection.execute(
            _RUN,
            [
                *(run.run_id, run.started_at, run.finished_at, run.seconds, run.built, run.success, run.loads.load_id),
                *(Jsonb(run.loads.tables), run.models, len(run.tests), run.failed_tests, run.error),
                Jsonb(list(run.commands)),
            ],
        )
        if run.tests:
            connection.execute("DELETE FROM marts.dbt_test_results")
            connection.cursor().executemany(_TEST, _rows(run.run_id, run.tests))


def _rows(run_id: str, tests: Iterable[NodeOutcome]) -> list[tuple[Any, ...]]:
    return [(run_id, t.name, t.model, t.severity, t.status, t.failures, t.message) for t in tests]
