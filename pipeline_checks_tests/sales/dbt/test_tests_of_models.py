"""The tests of the models are able to fail: a row is planted for each, and each must find something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.pipelines.sales.flow.transforming.commands import Dbt
from pipeline_checks.pipelines.sales.flow.transforming.transform import Transformation
from pipeline_checks_tests.sales.dbt.planting import FACTS, INTEGRITY, as_tables, change_for, plant
from pipeline_checks_tests.sales.dbt.rows import event, line, references
from pipeline_checks_tests.sales.dbt.warehouse import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def built(warehouse: Warehouse, dbt_folder: Path) -> tuple[Dbt, Path]:
    """A warehouse whose models are all tables, built of clean rows; with dbt and where it compiles."""
    dbt = Dbt(warehouse.url, dbt_folder)
    products, stores = references()
    warehouse.insert("product_raw", products)
    warehouse.insert("store_raw", stores)
    warehouse.insert("sales_batch_raw", [line(n) for n in range(60)])
    warehouse.insert("sales_raw", [event(n) for n in range(30)])
    run = Transformation(warehouse.url, dbt).run()
    assert run.success, run.error
    manifest = _manifest(dbt_folder)
    views = {
        node["name"]: node["schema"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }
    as_tables(warehouse, views)
    return dbt, dbt_folder


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_bytes())
    return found


def test_each_test_of_a_model_finds_the_row_that_was_planted_for_it(
    warehouse: Warehouse, built: tuple[Dbt, Path]
) -> None:
    dbt, folder = built
    clean = dbt.invoke("test")
    assert [n.name for n in clean.nodes if n.status != "pass"] == []
    nodes = _manifest(folder)["nodes"]
    tests = [node for node in nodes.values() if node["resource_type"] == "test"]
    singular = set()
    for test in tests:
        change = change_for(test)
        if change is None:
            singular.add(test["name"])
            continue
        model = nodes[test["attached_node"]]
        plant(warehouse, model["schema"], model["name"], change)
    found = dbt.invoke("test")
    silent = [n.name for n in found.nodes if n.status not in ("fail", "warn") and n.name not in singular]
    assert silent == []
    assert {n.name for n in found.nodes} == {test["name"] for test in tests}
    assert [n.name for n in found.nodes if n.status == "warn"] == ["stg_products_price_covers_cost"]

    for change in (*FACTS.values(), *(c for table, c in INTEGRITY.values() if table == "fact_sales")):
        plant(warehouse, "marts", "fact_sales", change)
    plant(warehouse, "marts", "dim_customer", INTEGRITY["customer_has_sales"][1])
    assert _rules(warehouse, folder, "business_rules") == set(FACTS)
    assert _rules(warehouse, folder, "dimensional_integrity") == set(INTEGRITY)
    warehouse.execute("DELETE FROM marts.fact_sales WHERE ctid <> (SELECT min(ctid) FROM marts.fact_sales)")
    last = {n.name: n.status for n in dbt.invoke("test", "--select", *singular).nodes}
    assert singular == {
        *("business_rules", "completeness", "daily_equals_detail", "dimensional_integrity"),
        "every_row_is_kept_or_excluded",
    }
    assert {name: last[name] for name in ("completeness", "daily_equals_detail", "every_row_is_kept_or_excluded")} == {
        "completeness": "fail",
        "daily_equals_detail": "fail",
        "every_row_is_kept_or_excluded": "fail",
    }


def _rules(warehouse: Warehouse, folder: Path, test: str) -> set[str]:
    """Return the rules that a test which judges several finds broken."""
    compiled = next((folder / "target" / "compiled").rglob(f"{test}.sql"))
    return {str(row[0]) for row in warehouse.rows(f"SELECT DISTINCT rule FROM ({compiled.read_text()}) AS found")}
