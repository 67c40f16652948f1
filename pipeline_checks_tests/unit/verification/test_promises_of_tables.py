"""What is promised of rows and columns, judged of real tables in one session after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyiceberg.types import LongType

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.session import VerificationSession

COLUMNS = {"order_id": {"type": "int64"}, "status": "string", "amount": "float64"}
ROWS = pa.table(
    {
        "order_id": list(range(200)),
        "status": ["new" if i % 4 else "paid" for i in range(200)],
        "amount": [float(i) for i in range(200)],
    }
)


def evaluated(stage: dict[str, Any], *kinds: str) -> dict[str, CheckResult]:
    declared = declaration_class(stage["kind"]).model_validate(stage)
    with VerificationSession(Pipeline(name="p", stages=(declared,))) as session:
        return {r.check: r for r in session.evaluate(stage["name"], kinds)}


class Lake:
    """One Iceberg table of orders."""

    def __init__(self, folder: Path) -> None:
        self._url, self._warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
        self.catalog = iceberg_catalog("demo", self._url, self._warehouse)
        self.catalog.create_namespace("shop")
        self.table = self.catalog.create_table("shop.orders", ROWS.schema)
        self.table.append(ROWS)

    def stage(self, **promises: Any) -> dict[str, Any]:
        catalog = {"name": "demo", "url": self._url, "warehouse": self._warehouse}
        contract = {"key": ["order_id"], "columns": COLUMNS, **promises}
        return {
            "name": "orders",
            "kind": "iceberg_table",
            "catalog": catalog,
            "table": "shop.orders",
            "contract": contract,
        }


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    yield made
    made.catalog.close()


def delta(folder: Path, rows: pa.Table, **fields: Any) -> dict[str, Any]:
    write_deltalake(folder / "orders", rows, mode="append")
    contract = {"key": ["order_id"], "columns": COLUMNS}
    return {"name": "orders", "kind": "delta_table", "path": str(folder / "orders"), "contract": contract, **fields}


def test_a_column_renamed_since_the_last_run_is_told_by_its_field_id(lake: Lake) -> None:
    assert evaluated(lake.stage(), "schema")["schema"].verdict is Verdict.PASS
    with lake.table.update_schema() as change:
        change.rename_column("status", "state")
    result = evaluated(lake.stage(), "schema")["schema"]
    (finding,) = result.judgement.findings
    assert (finding.detail, finding.expected, finding.seen) == ("renamed", "status", "state")


def test_a_column_dropped_and_another_added_since_the_last_run_are_both_told(lake: Lake) -> None:
    evaluated(lake.stage(), "schema")
    with lake.table.update_schema() as change:
        change.delete_column("status")
        change.add_column("state", LongType())
    result = evaluated(lake.stage(), "schema")["schema"]
    assert [(f.detail, f.extra["column"]) for f in result.judgement.findings] == [
        ("dropped", "status"),
        ("added", "state"),
    ]


def test_expressions_and_distributions_are_judged_over_a_lake(lake: Lake) -> None:
    kept = {
        "expressions": {"no_amount_is_negative": "amount >= 0"},
        "distribution": {
            "amount": {"reference": {"quantiles": {0.5: 99, 0.75: 149}}, "ks": 0.05},
            "status": {"reference": {"categories": {"new": 3, "paid": 1}}},
        },
    }
    clean = evaluated(lake.stage(**kept), "expressions", "distribution")
    assert {r.verdict for r in clean.values()} == {Verdict.PASS}, [r.judgement.message for r in clean.values()]
    broken = {
        "expressions": {"new_orders_are_small": "status <> 'new' OR amount < 199"},
        "distribution": {"amount": {"reference": {"quantiles": {0.5: 20, 0.75: 30}}}},
    }
    found = evaluated(lake.stage(**broken), "expressions", "distribution")
    (row,) = found["expressions"].judgement.findings
    assert (row.key, row.detail) == ({"order_id": 199}, "new_orders_are_small")
    (drift,) = found["distribution"].judgement.findings
    assert (drift.detail, drift.extra["statistic"]) == ("amount", "psi")


def test_an_expression_that_cannot_be_computed_is_an_error_of_its_check_alone(lake: Lake) -> None:
    found = evaluated(lake.stage(expressions={"wrong": "no_such_column > amount"}), "expressions", "duplicates")
    assert found["expressions"].verdict is Verdict.ERROR
    assert "no_such_column" in found["expressions"].judgement.message
    assert found["duplicates"].verdict is Verdict.PASS


def test_a_row_written_twice_is_told_from_two_rows_of_one_key(tmp_path: Path) -> None:
    stage = delta(tmp_path, ROWS)
    assert evaluated(stage, "duplicates")["duplicates"].verdict is Verdict.PASS
    again = ROWS.slice(7, 1)
    other = ROWS.slice(9, 1).set_column(2, "amount", pa.array([0.5]))
    stage = delta(tmp_path, pa.concat_tables([again, other]))
    judgement = evaluated(stage, "duplicates")["duplicates"].judgement
    assert [(f.key, f.detail) for f in judgement.findings] == [
        ({"order_id": 7}, "sink_rewrite"),
        ({"order_id": 9}, "business"),
    ]
    stage = {**stage, "ignore": ["amount"]}
    judgement = evaluated(stage, "duplicates")["duplicates"].judgement
    assert {f.detail for f in judgement.findings} == {"sink_rewrite"}


def test_references_between_tables_that_stand_beside_each_other(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "states", pa.table({"status": ["new"]}))
    states = {
        "name": "states",
        "kind": "delta_table",
        "path": str(tmp_path / "states"),
        "contract": {"key": ["status"]},
    }
    orders = delta(tmp_path, ROWS.slice(0, 8))
    orders["contract"] = {**orders["contract"], "references": {"status": "states"}}
    stages = tuple(declaration_class("delta_table").model_validate(s) for s in (states, orders))
    with VerificationSession(Pipeline(name="p", stages=stages)) as session:
        (result,) = session.evaluate("orders", ["references"])
    assert result.verdict is Verdict.FAIL
    told = [(f.kind, f.key, f.seen) for f in result.judgement.findings]
    assert told == [("dangling_reference", {"order_id": i}, "paid") for i in (0, 4)]
