"""Dagster against the running stack: the same verdicts from the daemon, the UI, pytest and our own command."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.definitions import defs
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.pipelines.parts import seed_of
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.dagster.processes import DagsterProcesses, dagster_processes, fast_folder
from pipeline_checks_tests.dagster.projects import evaluations, value

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


@pytest.fixture(scope="module")
def cdc(stack: RunningStack) -> Pipeline:
    """The pipeline, with rows in its source."""
    pipeline = load_pipeline("cdc")
    module = seed_of(pipeline)
    if module.is_empty():
        module.seed(100, 42)
    return pipeline


@pytest.fixture(scope="module")
def processes(cdc: Pipeline) -> Iterator[DagsterProcesses]:
    with fast_folder() as home, dagster_processes(home) as running:
        yield running


def every_check(pipeline: Pipeline) -> set[tuple[str, str]]:
    return {(s.name, c.kind) for s in pipeline.stages for c in checks_of(s)}


@pytest.mark.timeout(600)
def test_a_launched_run_settles_everything_and_gives_the_verdicts_of_our_own_command(
    processes: DagsterProcesses, cdc: Pipeline
) -> None:
    run_id = str(uuid.uuid4())
    done = processes.command("dagster", "job", "launch", "-w", "workspace.yaml", "-j", "cdc_run", "--run-id", run_id)
    assert done.returncode == 0, done.stderr
    run = processes.finished(run_id)
    assert run.is_success
    verdicts = processes.verdicts(run.run_id)
    ours = {(c.stage, c.check): str(c.verdict) for c in run_checks(cdc).checks}
    assert set(verdicts) == every_check(cdc)
    assert verdicts == ours
    with processes.instance() as instance:
        for stage in cdc.stages:
            event = instance.get_latest_materialization_event(dg.AssetKey(["cdc", stage.name]))
            assert event is not None, stage.name
            assert event.asset_materialization is not None
            facts = event.asset_materialization.metadata
            assert facts["covers_cut"].value is True, stage.name
            assert "dagster/data_version" in (event.asset_materialization.tags or {})


@pytest.mark.timeout(600)
def test_one_check_selected_in_the_ui_takes_its_own_cut_and_is_right(
    processes: DagsterProcesses, cdc: Pipeline
) -> None:
    selector = {
        "repositoryLocationName": "pipeline_checks",
        "repositoryName": "__repository__",
        "jobName": "cdc_check",
        "assetSelection": [],
        "assetCheckSelection": [{"assetKey": {"path": ["cdc", "delta_orders"]}, "name": "counts"}],
    }
    seed_of(cdc).change(11)
    answer = processes.query(LAUNCH, params={"selector": selector, "runConfigData": {}, "mode": "default"})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    run = processes.finished(answer["run"]["runId"])
    assert run.is_success
    assert processes.verdicts(run.run_id) == {("delta_orders", "counts"): "PASS"}


def test_a_single_check_in_pytest_counts_what_was_written_a_moment_ago(cdc: Pipeline, stack: RunningStack) -> None:
    with psycopg.connect(stack.settings["CDC_POSTGRES_URL"], autocommit=True) as connection:
        connection.execute("INSERT INTO schema_evolution_test (name) SELECT 'row ' || i FROM generate_series(1, 17) i")
        row = connection.execute("SELECT count(*) FROM schema_evolution_test").fetchone()
    assert row is not None
    key = dg.AssetCheckKey(dg.AssetKey(["cdc", "iceberg_schema_evolution_test"]), "counts")
    job = defs().resolve_job_def("cdc_check").get_subset(asset_check_selection={key}, asset_selection=set())
    found = evaluations(job.execute_in_process())
    assert set(found) == {"iceberg_schema_evolution_test.counts"}
    (evaluation,) = found.values()
    assert evaluation.passed, evaluation.description
    assert value(evaluation, "expected_rows") == value(evaluation, "rows") == row[0]


def test_one_stage_materialized_settles_with_its_position_as_data_version(cdc: Pipeline) -> None:
    key = dg.AssetKey(["cdc", "delta_products"])
    job = defs().resolve_job_def("cdc_run").get_subset(asset_selection={key})
    with fast_folder() as folder, dg.instance_for_test(temp_dir=str(folder)) as instance:
        result = job.execute_in_process(instance=instance)
        (materialization,) = [m.materialization for m in result.get_asset_materialization_events()]
    facts = materialization.metadata
    assert (facts["verdict"].value, facts["covers_cut"].value) == ("SETTLED", True)
    assert facts["delta_version"].value == facts["position"].value["value"]  # type: ignore[index]
    assert "delta.enableChangeDataFeed" in str(facts["delta_properties"].value)
    columns = {c.name for c in facts["dagster/column_schema"].schema.columns}  # type: ignore[union-attr]
    assert columns >= set(cdc.stage("delta_products").contract.columns)


def test_the_health_job_passes_while_every_service_answers(cdc: Pipeline) -> None:
    assert defs().resolve_job_def("stack_health").execute_in_process().success


def test_the_seed_job_refuses_rows_that_are_there_and_says_so(cdc: Pipeline) -> None:
    job = defs().resolve_job_def("cdc_seed")
    config = {"ops": {"cdc_write_seed": {"config": {"rows": 3, "seed": 42, "scenario": "nonsense"}}}}
    result = job.execute_in_process(run_config=config, raise_on_error=False)
    assert not result.success
    assert "there is no scenario 'nonsense'" in str(result.failure_data_for_node("cdc_write_seed"))
