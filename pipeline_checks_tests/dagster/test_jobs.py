"""The jobs of a pipeline hold every asset and every check; nothing clashes, nothing is left out."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.dependency import NodeHandle

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.definitions import defs
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.adoption import checks_for
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.verification.discovery import load_pipeline


@pytest.fixture(scope="module")
def cdc() -> Pipeline:
    return load_pipeline("cdc")


@pytest.fixture(scope="module")
def location() -> dg.Definitions:
    return defs()


def every_check(pipeline: Pipeline) -> set[dg.AssetCheckKey]:
    return {
        dg.AssetCheckKey(dg.AssetKey([pipeline.name, s.name]), c.kind) for s in pipeline.stages for c in checks_of(s)
    }


def selected_checks(job: dg.JobDefinition) -> set[dg.AssetCheckKey]:
    handles = [NodeHandle(node.name, None) for node in job.nodes]
    keys = [key for handle in handles for key in job.asset_layer.get_selected_entity_keys_for_node(handle)]
    return {key for key in keys if isinstance(key, dg.AssetCheckKey)}


@pytest.mark.parametrize("job", ["cdc_run", "cdc_check"])
def test_a_job_holds_every_check_of_every_stage(job: str, location: dg.Definitions, cdc: Pipeline) -> None:
    assert selected_checks(location.resolve_job_def(job)) == every_check(cdc)


def test_the_run_settles_every_stage_and_the_check_job_settles_none(location: dg.Definitions, cdc: Pipeline) -> None:
    run = location.resolve_job_def("cdc_run").asset_layer.selected_asset_keys
    assert {k.path[-1] for k in run} == {s.name for s in cdc.stages}
    assert not location.resolve_job_def("cdc_check").asset_layer.selected_asset_keys


def test_the_jobs_of_the_stack_and_of_the_pipeline_are_there(location: dg.Definitions) -> None:
    names = set(location.get_repository_def().job_names)
    assert names >= {"stack_up", "stack_down", "stack_health", "cdc_seed", "cdc_run", "cdc_check"}


def test_every_job_runs_in_process(location: dg.Definitions) -> None:
    repository = location.get_repository_def()
    assert {repository.get_job(n).executor_def.name for n in repository.job_names} == {"in_process"}


def test_there_is_one_check_op_a_stage_named_by_pipeline_and_stage(location: dg.Definitions, cdc: Pipeline) -> None:
    names = {node.name for node in location.resolve_job_def("cdc_check").nodes}
    assert names == {f"check__cdc__{s.name}" for s in cdc.stages}


def test_an_external_stage_is_not_materialized_but_checked(cdc: Pipeline) -> None:
    stages = tuple(s.model_copy(update={"external": s.kind == "postgres_table"}) for s in cdc.stages)
    made = build_pipeline_definitions(cdc.model_copy(update={"stages": stages}))
    job = made.resolve_job_def("cdc_run")
    assert not any(k.path[-1].startswith("pg_") for k in job.asset_layer.selected_asset_keys)
    assert selected_checks(job) == every_check(cdc)


def test_checks_can_hang_on_an_asset_that_is_there_already(cdc: Pipeline) -> None:
    @dg.asset
    def orders_of_mine() -> None: ...

    made = dg.Definitions.merge(
        dg.Definitions(assets=[orders_of_mine]), checks_for(orders_of_mine, "delta_orders", cdc)
    )
    graph = made.get_repository_def().asset_graph
    kinds = {c.kind for c in checks_of(cdc.stage("delta_orders"))}
    assert graph.asset_check_keys == {dg.AssetCheckKey(dg.AssetKey("orders_of_mine"), kind) for kind in kinds}
