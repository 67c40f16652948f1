"""Checks for assets of a Dagster project that exists already: the example project, and what can be said wrongly."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable

from pipeline_checks import checks_for
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.dagster.processes import fast_folder
from pipeline_checks_tests.dagster.projects import evaluations

EXAMPLE = Path(__file__).parents[2] / "examples" / "existing_dagster_project"
EXPECTED = {
    *(f"customers.{kind}" for kind in ("counts", "schema", "duplicates", "freshness", "nulls", "values")),
    *(f"raw_orders.{kind}" for kind in ("counts", "schema", "duplicates", "freshness", "nulls", "values")),
    *(f"orders.{kind}" for kind in ("counts", "schema", "duplicates", "freshness", "reconcile", "nulls", "values")),
}


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.Definitions]:
    """The definitions of the example, whose tables go into a lake of the test."""
    monkeypatch.setenv("SHOP_LAKE", str(tmp_path / "lake"))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    try:
        yield importlib.import_module("shop.definitions").defs
    finally:
        for name in [n for n in sys.modules if n == "shop" or n.startswith("shop.")]:
            del sys.modules[name]


def run(definitions: dg.Definitions, selection: dg.AssetSelection | None = None) -> dict[str, tuple[bool, str]]:
    job = dg.define_asset_job("all", selection, executor_def=dg.in_process_executor)
    made = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    result = made.resolve_job_def("all").execute_in_process(raise_on_error=False)
    return {name: (e.passed, str(e.metadata["verdict"].value)) for name, e in evaluations(result).items()}


def test_a_project_that_was_there_before_is_made_and_checked(example: dg.Definitions) -> None:
    assert run(example) == dict.fromkeys(EXPECTED, (True, "PASS"))


def test_what_is_lost_and_changed_is_found_at_its_asset(example: dg.Definitions, tmp_path: Path) -> None:
    run(example)
    table = DeltaTable(tmp_path / "lake" / "orders")
    table.delete("order_id = 7")
    table.update({"euros": "0.5"}, predicate="order_id = 9")
    checks = dg.AssetSelection.all_asset_checks()
    wrong = {name: verdict for name, (passed, verdict) in run(example, checks).items() if not passed}
    assert wrong == {"orders.counts": "FAIL", "orders.reconcile": "FAIL"}


def test_the_asset_may_be_told_in_any_way(tmp_path: Path) -> None:
    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec(["lake", "two"])])
    def both(): ...  # type: ignore[no-untyped-def]

    stage = {"kind": "delta_table", "path": str(tmp_path), "contract": {"key": ["id"], "columns": {"id": "int64"}}}
    for asset in ("lake/two", ["lake", "two"], dg.AssetKey(["lake", "two"]), dg.AssetSpec(["lake", "two"])):
        made = checks_for(asset, stage)
        assert {key.asset_key for key in made.resolve_asset_graph().asset_check_keys} == {dg.AssetKey(["lake", "two"])}
    with pytest.raises(ConfigurationError, match="both makes 2 assets"):
        checks_for(both, stage)


def test_what_cannot_be_is_refused_with_the_next_step() -> None:
    with pytest.raises(ConfigurationError, match="of which pipeline 'delta_orders' is a stage was not said"):
        checks_for("orders", "delta_orders")
    with pytest.raises(
        ConfigurationError, match=r"pipeline 'cdc' has no stage 'orders'\. Its stages are: pg_customers"
    ):
        checks_for("orders", "orders", "cdc")
    with pytest.raises(ConfigurationError, match="none of a pipeline"):
        checks_for("orders", load_pipeline("cdc").stage("delta_orders"), "cdc")
    with pytest.raises(ConfigurationError, match=r"checks_for\(orders\).*'path' is missing"):
        checks_for("orders", {"kind": "delta_table", "contract": {"key": []}})


def test_a_check_that_another_blocked_is_told_at_the_asset_that_was_adopted(tmp_path: Path) -> None:
    @dg.asset
    def orders() -> None: ...

    @dg.asset(deps=[orders])
    def published() -> None: ...

    contract = {"key": ["id"], "columns": {"id": "int64"}}
    raw = {"name": "raw", "kind": "delta_table", "path": str(tmp_path / "nowhere"), "contract": contract}
    copy = {"name": "copy", "kind": "delta_table", "from": "raw", "path": str(tmp_path / "copy"), "contract": contract}
    pipeline = build_pipeline({"name": "blocked", "stages": [{**raw, "blocking": True}, copy]})
    job = dg.define_asset_job("all", executor_def=dg.in_process_executor)
    made = dg.Definitions.merge(
        dg.Definitions(assets=[orders, published], jobs=[job]),
        checks_for(orders, "raw", pipeline),
        checks_for(published, "copy", pipeline),
    )
    kinds = [c.kind for c in checks_of(pipeline.stage("copy"))]
    with fast_folder() as folder, dg.instance_for_test(temp_dir=str(folder)) as instance:
        result = made.resolve_job_def("all").execute_in_process(raise_on_error=False, instance=instance)
        assert {name.partition(".")[0] for name in evaluations(result)} == {"orders"}
        at = [dg.AssetCheckKey(dg.AssetKey(key), c) for key in (["published"], ["blocked", "copy"]) for c in kinds]
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(at)
    assert {key.asset_key for key in latest} == {dg.AssetKey("published")}
    assert len(latest) == len(kinds)
