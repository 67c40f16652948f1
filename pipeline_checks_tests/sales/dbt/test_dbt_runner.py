"""The program: it runs dbt when something was loaded, holds the raw tables still meanwhile, and tells its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.pipelines.sales.flow import dbt_runner
from pipeline_checks.pipelines.sales.flow.transforming.loads import Loads, frozen
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run, covered_load, prepare_tables, record
from pipeline_checks_tests.sales.dbt.rows import event, line, references
from pipeline_checks_tests.sales.dbt.warehouse import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PATIENCE = 180.0


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def program(warehouse: Warehouse, dbt_folder: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The program on the module's warehouse, and where it is watched."""
    port = _free_port()
    words = ("--port", str(port), "--folder", str(dbt_folder), "--quiet-seconds", "0.2")
    command = [sys.executable, "-m", dbt_runner.__name__, *words]
    environment = {**os.environ, "SALES_WAREHOUSE_URL": warehouse.url}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _health(url: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    def asked() -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = httpx.get(f"{url}/health", timeout=5).json()
        except httpx.HTTPError:
            return None
        return answer if wanted(answer) else None

    found = Deadline(PATIENCE).wait_until(asked)
    assert found is not None, f"{url} did not come to be as wanted"
    return found


def test_it_runs_when_something_was_loaded_and_ends_when_told(
    warehouse: Warehouse, program: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, url = program
    idle = _health(url, lambda h: bool(h["ready"]))
    assert (idle["idle"], idle["last_run"]) == (True, None)
    products, stores = references()
    warehouse.insert("product_raw", products)
    warehouse.insert("store_raw", stores)
    warehouse.insert("sales_batch_raw", [line(n) for n in range(20)])
    last = warehouse.insert("sales_raw", [event(n) for n in range(10)])
    first = _health(url, lambda h: h["covered_load"] == last and h["idle"])
    assert first["last_run"]["success"] is True
    assert warehouse.count("marts.fact_sales") == 30
    later = warehouse.insert("sales_batch_raw", [line(n) for n in range(20, 25)])
    second = _health(url, lambda h: h["covered_load"] == later and h["idle"])
    assert warehouse.count("marts.fact_sales") == 35
    assert second["last_run"]["run_id"] != first["last_run"]["run_id"]
    metrics = httpx.get(f"{url}/metrics", timeout=5).text
    assert 'sales_dbt_runs_total{outcome="error"} 0.0' in metrics
    assert f"sales_dbt_covered_load {float(later)}" in metrics
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0


def test_while_the_models_are_built_nothing_is_loaded_and_everything_can_be_read(warehouse: Warehouse) -> None:
    with frozen(warehouse.url) as loads, connect(warehouse.url) as other:
        other.execute("SET lock_timeout = '100ms'")
        assert other.execute("SELECT count(*) FROM raw.sales_raw").fetchone() is not None
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(
                "INSERT INTO raw.loads (table_name, covers, loaded_rows, loaded_at) VALUES ('x', '{}', 0, now())"
            )
    number = warehouse.insert("sales_raw", [])
    assert number > loads.load_id


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch, dbt_folder: Path) -> Callable[[str], int]:
    """Run the program once on a URL and return its exit code."""

    def run(url: str) -> int:
        for name in ("HOST", "PORT", "USER", "DATABASE"):
            monkeypatch.setenv(f"SALES_DBT_{name}", "")  # taken back with what the run sets
        monkeypatch.setenv("PGOPTIONS", "")
        monkeypatch.setenv("SALES_WAREHOUSE_URL", url)
        return dbt_runner.main(["--once", "--folder", str(dbt_folder)])

    return run


def test_once_tells_by_its_exit_code_what_came_of_it(
    make_warehouse: Callable[[], Warehouse], once: Callable[[str], int], caplog: pytest.LogCaptureFixture
) -> None:
    fresh = make_warehouse()
    products, stores = references()
    fresh.insert("product_raw", products)
    fresh.insert("store_raw", stores)
    fresh.insert("sales_batch_raw", [line(n) for n in range(10)])
    assert once(fresh.url) == 0
    fresh.insert("sales_batch_raw", [line(11, profit=Decimal("9999.00"))])
    assert once(fresh.url) == 1
    assert "business_rules" in caplog.text
    assert fresh.count("marts.fact_sales") == 11, "a test that finds something leaves the models built"
    assert fresh.rows("SELECT built, success, failed_tests FROM marts.dbt_runs ORDER BY started_at") == [
        (True, True, 0),
        (True, False, 1),
    ]
    assert fresh.rows("SELECT test, model, status FROM marts.dbt_test_results WHERE status <> 'pass'") == [
        ("business_rules", "fact_sales", "fail")
    ]
    assert once("mysql://somewhere/else") == 2
    assert once(f"postgresql://postgres@127.0.0.1:{_free_port()}/sales") == 3


def test_a_model_that_cannot_be_built_is_recorded_and_covers_nothing(
    make_warehouse: Callable[[], Warehouse], once: Callable[[str], int]
) -> None:
    fresh = make_warehouse()
    fresh.insert("product_raw", references()[0])
    fresh.execute("ALTER TABLE raw.sales_raw DROP COLUMN total_price")
    assert once(fresh.url) == 1
    [(built, success, error)] = fresh.rows("SELECT built, success, error FROM marts.dbt_runs")
    assert (built, success) == (False, False)
    assert "total_price" in error


def test_a_run_whose_tests_could_not_be_asked_is_made_again(make_warehouse: Callable[[], Warehouse]) -> None:
    fresh = make_warehouse()
    last = fresh.insert("product_raw", [])
    with connect(fresh.url) as connection:
        prepare_tables(connection)
        assert covered_load(connection) == 0
        for error, covered in (("test x: server closed the connection", 0), (None, last)):
            done = Run(
                run_id=str(error),
                started_at=now(),
                finished_at=now(),
                seconds=1.0,
                built=True,
                success=error is None,
                loads=Loads(last, {}),
                models=15,
                tests=(),
                failed_tests=0,
                error=error,
                commands=(),
            )
            record(connection, done)
            assert covered_load(connection) == covered
