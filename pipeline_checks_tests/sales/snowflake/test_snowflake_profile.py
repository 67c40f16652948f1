"""The same models and the same tests through the Snowflake profile, on an emulation of Snowflake in this process."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fakesnow
import pytest
import snowflake.connector
from dbt.cli.main import dbtRunner

from pipeline_checks.pipelines.sales.flow.tables import RAW
from pipeline_checks_tests.sales.dbt.rows import event, line, references

PROJECT = Path(__file__).resolve().parents[3] / "pipeline_checks" / "pipelines" / "sales" / "dbt"
TYPES = {"string": "varchar", "int64": "bigint", "bool": "boolean", "timestamptz": "timestamp_tz"}
LINES, EVENTS = 40, 20


@pytest.fixture
def connection() -> Iterator[Any]:
    """A database with raw tables and rows; the connector is the emulated one as long as it lives."""
    with fakesnow.patch():
        found = snowflake.connector.connect(database="sales", schema="public")
        cursor = found.cursor()
        for schema in ("raw", "staging", "intermediate", "marts"):
            cursor.execute(f"create schema {schema}")
        products, stores = references()
        tables = {
            "sales_batch_raw": [line(n) for n in range(LINES)],
            "sales_raw": [event(n) for n in range(EVENTS)],
            "product_raw": products,
            "store_raw": stores,
        }
        for name, rows in tables.items():
            kinds = [(c.name, TYPES.get(c.type, c.type)) for c in RAW[name][0]]
            cursor.execute(f"create table raw.{name} ({', '.join(f'{n} {k}' for n, k in kinds)})")
            names = list(rows[0])
            for row in rows:
                values = ", ".join(_literal(row[n]) for n in names)
                cursor.execute(f"insert into raw.{name} ({', '.join(names)}) values ({values})")
        yield found


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | Decimal):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def test_the_models_are_built_and_tested(connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCOUNT", "USER", "PASSWORD"):
        monkeypatch.setenv(f"SNOWFLAKE_{name}", "emulated")
    monkeypatch.setenv("SALES_DBT_THREADS", "1")
    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", "snowflake")
    folders = ("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"))
    for command in ("run", "test"):
        done = dbtRunner().invoke(["--no-version-check", command, *places, *folders])
        assert done.exception is None
        results = done.result.results  # type: ignore[union-attr]
        wrong = [(r.node.name, r.message) for r in results if str(r.status) not in ("success", "pass")]
        assert wrong == []
        assert len(results) >= 15
    (rows,) = connection.cursor().execute("select count(*) from marts.fact_sales").fetchone()
    (left_out,) = connection.cursor().execute("select count(*) from marts.exclusions").fetchone()
    assert (rows, left_out) == (LINES + EVENTS, 0)
