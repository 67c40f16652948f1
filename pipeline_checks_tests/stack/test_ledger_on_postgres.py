"""The ledger in a database of Postgres: the same as in a file, also when many write at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import URL_VARIABLE, location
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.unit.verification.ledger.runs import BEGUN, check, run, schema, stage

DATABASE = "ledger_of_a_test"
HOSTILE = "NUL \x00, half a pair \ud800, a quote ', postgresql://me:tiger@db/x"


@pytest.fixture
def url(base_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own, as the ledger's."""
    server = setting("POSTGRES_URL")
    with connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    found = sa.make_url(server).set(database=DATABASE).render_as_string(hide_password=False)
    monkeypatch.setenv(URL_VARIABLE, found)
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    yield found
    with connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.usefixtures("url")
def test_what_is_recorded_is_read_back() -> None:
    proof = Proof("pg", "lake", None, {"kind": "version", "value": 3}, None, None, 9, "p", "i", {"slice": 1, "of": 16})
    with Ledger(location()) as ledger:
        ledger.record(run(0, stage(10, schema=schema(id="int64"))), {("lake", "slots"): [{"name": HOSTILE}]})
        failed = check(Verdict.FAIL, message=HOSTILE, measures={"rows": 9, HOSTILE: float("inf")})
        ledger.record(run(1, stage(9), checks=(failed,)), {}, [proof])
        state = ledger.previous("shop", "lake")
        assert (state.runs, state.at, state.schema) == (2, BEGUN + timedelta(hours=1), schema(id="int64"))
        assert [(c.at, c.rows) for c in state.rows] == [(BEGUN, 10), (BEGUN + timedelta(hours=1), 9)]
        assert "tiger" not in str(state.facts)
        history = ledger.history("shop", "lake", "rows", "counts")
        assert [(m.value, m.verdict) for m in history] == [(10, "PASS"), (9, "FAIL")]
        last = ledger.last_proof("shop", "pg", "lake")
        assert last is not None
        assert last.row() == proof.row()


def test_many_write_at_once_from_the_first_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(first: int) -> None:
        with Ledger(location()) as ledger:
            for number in range(first, first + 5):
                ledger.record(run(number))

    with ThreadPoolExecutor(6) as threads:
        for part in [threads.submit(record, 100 * n) for n in range(6)]:
            part.result()
    with Ledger.existing() as ledger:
        assert ledger.previous("shop", "lake").runs == 30
    monkeypatch.setenv(KEEP_VARIABLE, "1h")
    with Ledger(location()) as ledger:
        for number in (600, 601):
            ledger.record(run(number))
        assert ledger.previous("shop", "lake").runs == 0


@pytest.mark.usefixtures("url")
def test_a_database_without_tables_is_no_ledger_and_reading_makes_none() -> None:
    for _ in range(2):
        with Ledger.existing() as ledger, pytest.raises(TerminalError, match="there is no ledger"):
            ledger.stages()


def test_a_database_or_role_that_is_not_there_is_said_without_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = sa.make_url(url)
    for wrong in (there.set(database="no_such_database"), there.set(username="no_such_role", password="tiger-secret")):
        monkeypatch.setenv(URL_VARIABLE, wrong.render_as_string(hide_password=False))
        with Ledger(location()) as ledger, pytest.raises(TransientError, match="does not answer") as problem:
            ledger.stages()
        assert "tiger" not in str(problem.value)
