"""The models in Dagster: one asset each under the stage's key, their tests as checks, a run of all of them recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from pipeline_checks.orchestration.benchmark_job import EVERY_NIGHT, benchmark_of
from pipeline_checks.orchestration.dbt_assets import ModelAssets, model_assets
from pipeline_checks.pipelines.sales.flow.transforming.manifest import FILE, parsed
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.sales.dbt.rows import event, line, references
from pipeline_checks_tests.sales.dbt.warehouse import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
MODELS = {
    *("stg_sales_batch", "stg_sales_raw", "stg_products", "stg_stores"),
    *("int_sales_unified", "int_product_scd2", "int_store_scd2", "int_date_spine"),
    *("dim_date", "dim_product", "dim_store", "dim_customer", "fact_sales", "fact_sales_daily", "exclusions"),
}


@pytest.fixture(scope="module")
def models() -> ModelAssets:
    """The assets of the models."""
    found = model_assets(load_pipeline("sales"))
    assert found is not None
    return found


def test_what_is_kept_of_the_project_is_what_dbt_makes_of_it_now(dbt_folder: Path) -> None:
    told = "run python -m pipeline_checks.pipelines.sales.flow.transforming.manifest"
    assert json.loads(FILE.read_bytes()) == parsed(dbt_folder), told


def test_each_model_is_an_asset_behind_what_it_is_made_of(models: ModelAssets) -> None:
    assert {key.path[1] for key in models.keys if key.path[0] == "sales"} == MODELS
    pipeline = load_pipeline("sales")
    raw = {s.name for s in pipeline.stages if str(getattr(s, "table", "")).startswith("raw.")}
    graph = dg.Definitions(assets=[models.definition]).resolve_asset_graph()
    parents = {key.path[1]: {p.path[1] for p in graph.get(key).parent_keys} for key in models.keys}
    assert {p for model in MODELS if model.startswith("stg_") for p in parents[model]} <= raw
    assert parents["fact_sales"] == {"int_sales_unified", "dim_date", "dim_product", "dim_store", "dim_customer"}
    assert parents["fact_sales_daily"] == {"fact_sales"}


def test_each_test_is_a_check_of_its_model_and_none_blocks(models: ModelAssets) -> None:
    specs = list(models.definition.check_specs)
    assert len(specs) > 100
    assert not any(spec.blocking for spec in specs)
    named = {(spec.asset_key.path[1], spec.name) for spec in specs}
    assert ("exclusions", "every_row_is_kept_or_excluded") in named
    assert ("fact_sales", "business_rules") in named
    assert {model for model, _ in named} == MODELS


def test_the_benchmark_is_due_at_two_every_night() -> None:
    schedule = benchmark_of(load_pipeline("sales"))
    assert schedule is not None
    assert (schedule.cron_schedule, schedule.execution_timezone) == (EVERY_NIGHT, "UTC") == ("0 2 * * *", "UTC")
    assert schedule.job.name == "sales_benchmark"
    assert benchmark_of(load_pipeline("cdc")) is None
    assert model_assets(load_pipeline("cdc")) is None


def test_materializing_the_models_runs_dbt_tells_its_tests_and_records_the_run(
    make_warehouse: Callable[[], Warehouse], models: ModelAssets, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = make_warehouse()
    monkeypatch.setenv("SALES_WAREHOUSE_URL", warehouse.url)
    for name in ("HOST", "PORT", "USER", "DATABASE"):
        monkeypatch.setenv(f"SALES_DBT_{name}", "")  # taken back with what the run sets
    products, stores = references()
    warehouse.insert("product_raw", products)
    warehouse.insert("store_raw", stores)
    warehouse.insert("sales_batch_raw", [*(line(n) for n in range(20)), line(21, profit=Decimal("9999.00"))])
    last = warehouse.insert("sales_raw", [event(n) for n in range(10)])
    with dg.instance_for_test() as instance:
        done = dg.materialize([models.definition], instance=instance, raise_on_error=False)
    assert done.success
    materialized = {e.asset_key.path[1] for e in done.get_asset_materialization_events() if e.asset_key}
    assert materialized == MODELS
    checks = done.get_asset_check_evaluations()
    assert len(checks) == len(list(models.definition.check_specs))
    assert [(c.asset_key.path[1], c.check_name) for c in checks if not c.passed] == [("fact_sales", "business_rules")]
    assert warehouse.count("marts.fact_sales") == 31
    runs = warehouse.rows("SELECT built, success, load_id, failed_tests, tests, models FROM marts.dbt_runs")
    assert runs == [(True, False, last, 1, len(checks), len(MODELS))]
    failed = warehouse.rows("SELECT test, model FROM marts.dbt_test_results WHERE status = 'fail'")
    assert failed == [("business_rules", "fact_sales")]
