"""A table that is missing, of which a part cannot be read, or that is empty: no check of any kind passes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.checks.registry import KINDS
from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.session import VerificationSession

SCHEMA = pa.schema(
    [("id", pa.int64()), ("parent", pa.int64()), ("amount", pa.int64()), ("at", pa.timestamp("us", "UTC"))]
)
CONTRACT = {
    "key": ["id"],
    "event_time": "at",
    "columns": {
        "id": {"type": "int64", "nullable": False},
        "parent": "int64",
        "amount": {"type": "int64", "min": 0, "max": 10**6},
        "at": "timestamptz",
    },
    "freshness": {"within": "3650d"},
    "references": {"parent": "table.id"},
    "expressions": {"small": "amount < 1000000"},
    "distribution": {"amount": {"reference": {"quantiles": {0.5: 50}}}},
    "growth": {"least_runs": 3},
}
WITHOUT_ROWS = {"schema"}
"""What is told by the log of a table alone."""

Make = Callable[[Path, int | None], dict[str, Any]]


def rows(count: int) -> pa.Table:
    ids = list(range(count))
    now = datetime.now(UTC)
    return pa.table({"id": ids, "parent": ids, "amount": ids, "at": [now] * count}, SCHEMA)


def delta(folder: Path, count: int | None) -> dict[str, Any]:
    """Declare a table, made with so many rows; not made at all for None."""
    if count is not None:
        write_deltalake(folder / "table", rows(count))
    return {"kind": "delta_table", "path": str(folder / "table")}


def iceberg(folder: Path, count: int | None) -> dict[str, Any]:
    """Declare a table, made with so many rows; not made at all for None."""
    url, warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
    catalog = iceberg_catalog("demo", url, warehouse)
    catalog.create_namespace("shop")
    if count is not None:
        catalog.create_table("shop.table", SCHEMA).append(rows(count))
    catalog.close()  # type: ignore[attr-defined]
    return {
        "kind": "iceberg_table",
        "table": "shop.table",
        "catalog": {"name": "demo", "url": url, "warehouse": warehouse},
    }


def evaluated(declared: dict[str, Any]) -> dict[str, CheckResult]:
    stage = declaration_class(declared["kind"]).model_validate({"name": "table", "contract": CONTRACT, **declared})
    with VerificationSession(Pipeline(name="p", stages=(stage,))) as session:
        return {r.check: r for r in session.evaluate("table", KINDS)}


both = pytest.mark.parametrize("make", [delta, iceberg])


@both
def test_a_table_with_rows_passes_what_the_others_do_not(make: Make, tmp_path: Path) -> None:
    results = evaluated(make(tmp_path, 100))
    assert len(results) >= 9
    assert {c: r.verdict for c, r in results.items() if r.verdict not in (Verdict.PASS, Verdict.WARN)} == {}


@both
def test_of_a_table_that_is_not_there_every_check_is_an_error_that_names_it(make: Make, tmp_path: Path) -> None:
    results = evaluated(make(tmp_path, None))
    assert {r.verdict for r in results.values()} == {Verdict.ERROR}
    assert all("table" in r.judgement.message and not r.judgement.findings for r in results.values())


@both
def test_a_file_that_cannot_be_read_is_an_error_of_every_check_of_rows(make: Make, tmp_path: Path) -> None:
    declared = make(tmp_path, 100)
    (file,) = tmp_path.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    results = evaluated(declared)
    assert {c for c, r in results.items() if r.verdict is not Verdict.ERROR} <= WITHOUT_ROWS
    assert all(not r.judgement.findings for r in results.values())


@both
def test_an_empty_table_passes_no_check_of_rows(make: Make, tmp_path: Path) -> None:
    results = evaluated(make(tmp_path, 0))
    assert {c for c, r in results.items() if r.verdict is Verdict.PASS} <= WITHOUT_ROWS
    assert all(not r.judgement.findings for r in results.values())
