"""A ledger that is away, locked, foreign or newer: an error that says so for a command, a message for a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.ledger import database
from pipeline_checks.verification.ledger.database import VERSION_TABLE
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import FILE, URL_VARIABLE, location
from pipeline_checks.verification.ledger.migrations.upgrade import newest
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.unit.verification.ledger.runs import run


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A table that has what is promised of it, its growth included."""
    write_deltalake(tmp_path / "t", pa.table({"id": [1, 2, 3]}))
    contract = {"key": ["id"], "columns": {"id": {"type": "int64"}}, "growth": {"least_runs": 3}}
    declared = {"name": "t", "kind": "delta_table", "path": str(tmp_path / "t"), "contract": contract}
    return Pipeline(name="p", stages=(declaration_class("delta_table").model_validate(declared),))


def verdicts(result: RunResult) -> dict[str, Verdict]:
    return {c.check: c.verdict for c in result.checks}


def test_the_newest_script_is_the_newest_version_that_is_known() -> None:
    assert newest() == database.REVISIONS[-1]


def test_each_run_adds_to_the_history_that_the_next_one_judges_by(pipeline: Pipeline) -> None:
    found = [run_checks(pipeline, checks=["growth"]) for _ in range(4)]
    assert [verdicts(r)["growth"] for r in found] == [Verdict.WARN, Verdict.WARN, Verdict.WARN, Verdict.PASS]
    assert [r.messages for r in found] == [()] * 4
    with Ledger.existing() as ledger:
        assert ledger.previous("p", "t").runs == 4


@pytest.fixture
def clean(pipeline: Pipeline, home_of_the_test: Path) -> dict[str, Verdict]:
    """The verdicts of a run whose ledger is whole; the ledger is taken away again."""
    found = verdicts(run_checks(pipeline))
    for file in home_of_the_test.iterdir():
        file.unlink()
    return found


def unharmed(pipeline: Pipeline, clean: dict[str, Verdict], said: str) -> None:
    """The verdicts are what they are with a ledger, and a message tells what is wrong with it."""
    lines: list[str] = []
    result = run_checks(pipeline, options=Options(progress=lines.append))
    assert verdicts(result) == clean
    assert any(said in message for message in result.messages), result.messages
    assert result.to_json()["messages"] == list(result.messages)
    assert any(line.startswith("WARN: the ledger") for line in lines)


def test_a_file_that_is_no_database(pipeline: Pipeline, clean: dict[str, Verdict], home_of_the_test: Path) -> None:
    (home_of_the_test / FILE).write_bytes(b"not a database" * 100)
    unharmed(pipeline, clean, "file is not a database")
    with pytest.raises(TerminalError, match="Move the file away"):
        Ledger.existing().stages()


def test_a_home_that_is_a_file(pipeline: Pipeline, clean: dict[str, Verdict], home_of_the_test: Path) -> None:
    home_of_the_test.rmdir()
    home_of_the_test.write_text("in the way")
    unharmed(pipeline, clean, "cannot be written")


def test_a_ledger_of_a_newer_program(pipeline: Pipeline, clean: dict[str, Verdict], home_of_the_test: Path) -> None:
    with Ledger(location()) as ledger:
        ledger.record(run())
    with sqlite3.connect(home_of_the_test / FILE) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    connection.close()
    unharmed(pipeline, clean, "has version 9999")
    with pytest.raises(TerminalError, match="Use the newer pipeline-checks"):
        Ledger.existing().stages()


@pytest.fixture
def locked(home_of_the_test: Path, clean: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another writer holds the ledger."""
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    with Ledger(location()) as ledger:
        ledger.record(run())
    holder = sqlite3.connect(home_of_the_test / FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.usefixtures("locked")
def test_a_ledger_that_another_writer_holds(pipeline: Pipeline, clean: dict[str, Verdict]) -> None:
    unharmed(pipeline, clean, "is locked by another writer")
    with pytest.raises(TransientError, match="locked"):
        Ledger(location()).record(run(1))
    assert Ledger.existing().stages() == [("shop", "lake")]  # readers need not wait


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:tiger@db/x", "cannot hold a ledger"),
        ("postgresql://me:tiger@db", "names no database"),
        ("nonsense tiger", "is not a URL"),
        ("postgresql://me:tiger@127.0.0.1:9/x", "does not answer"),
    ],
)
def test_a_url_that_cannot_work_is_said_without_its_password(
    url: str, said: str, pipeline: Pipeline, clean: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    unharmed(pipeline, clean, said)
    with pytest.raises(PipelineChecksError, match=said) as problem:
        Ledger.existing().stages()
    assert "tiger" not in f"{problem.value} {problem.value.__cause__}"


@pytest.mark.parametrize("written", ["soon", "0d"])
def test_a_retention_that_cannot_be_meant(
    written: str, pipeline: Pipeline, clean: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEP_VARIABLE, written)
    unharmed(pipeline, clean, KEEP_VARIABLE)


def test_a_captured_database_holds_no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "postgresql://reader:x@127.0.0.1:5433/shop")
    declared = {"name": "pg", "kind": "postgres_table", "table": "public.t", "connection": {"url": {"env": "SHOP_URL"}}}
    source = declaration_class("postgres_table").model_validate(declared)
    monkeypatch.setenv(URL_VARIABLE, "postgresql://writer:y@localhost:5433/shop")
    with pytest.raises(ConfigurationError, match="lies in the database that pg captures"):
        Ledger.of([source])
    monkeypatch.setenv(URL_VARIABLE, "postgresql://writer:y@localhost:5433/ledger")
    Ledger.of([source]).close()


def _record(first: int) -> None:
    with Ledger(location()) as ledger:
        for number in range(first, first + 10):
            ledger.record(run(number), {("lake", "slots"): number})


def test_processes_and_threads_write_at_once_from_the_first_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    spawned = ProcessPoolExecutor(3, mp_context=get_context("spawn"))
    with spawned as processes, ThreadPoolExecutor(3) as threads:
        parts = [processes.submit(_record, 1000 * n) for n in range(3)]
        parts += [threads.submit(_record, 1000 * n) for n in range(3, 6)]
        for part in parts:
            part.result()
    with Ledger.existing() as ledger:
        assert ledger.previous("shop", "lake").runs == 60
