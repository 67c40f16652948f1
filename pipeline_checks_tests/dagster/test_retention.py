"""What is old leaves the event log, the newest of each check and asset stays; sweep and retention are scheduled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import freeze_time

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.orchestration.operations import build_operations
from pipeline_checks.orchestration.retention import prune
from pipeline_checks.orchestration.sweep_schedule import daily_sweep
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks_tests.dagster.processes import fast_folder
from pipeline_checks_tests.dagster.projects import make_lake

CUSTOMERS = dg.AssetKey(["lake", "customers"])
NULLS = dg.AssetCheckKey(CUSTOMERS, "nulls")
LOG = {
    "event_log_storage": {
        "module": "pipeline_checks.orchestration.event_log",
        "class": "KeptSqliteEventLogStorage",
    }
}


@pytest.fixture
def lake(tmp_path: Path) -> Pipeline:
    return build_pipeline(yaml.safe_load(make_lake(tmp_path))["attributes"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with fast_folder() as folder:
        storage = LOG["event_log_storage"] | {"config": {"base_dir": str(folder / "events")}}
        with dg.instance_for_test({"event_log_storage": storage}, temp_dir=str(folder)) as made:
            yield made


def report(instance: dg.DagsterInstance, passed: bool) -> None:
    """Report a verdict and an observation as a sensor does."""
    instance.report_runless_asset_event(dg.AssetCheckEvaluation(CUSTOMERS, "nulls", passed))
    instance.report_runless_asset_event(dg.AssetObservation(CUSTOMERS))


def test_old_runs_go_and_those_with_the_newest_verdicts_stay(lake: Pipeline, instance: dg.DagsterInstance) -> None:
    job = build_pipeline_definitions(lake).resolve_job_def("lake_run")
    runs = [job.execute_in_process(instance=instance).run_id for _ in range(3)]
    checks = [NULLS]
    nothing = prune(instance, datetime.now(UTC) - timedelta(days=1), checks, Deadline(30))
    assert (nothing.runs, len(instance.get_runs())) == (0, 3)
    gone = prune(instance, datetime.now(UTC) + timedelta(seconds=1), checks, Deadline(30))
    assert (gone.runs, [r.run_id for r in instance.get_runs()]) == (2, runs[-1:])
    assert instance.get_latest_materialization_event(CUSTOMERS) is not None
    assert NULLS in instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)


def test_old_events_of_no_run_go_and_the_newest_of_each_stays(instance: dg.DagsterInstance) -> None:
    for passed in (True, True, False):
        report(instance, passed)
    gone = prune(instance, datetime.now(UTC) + timedelta(seconds=1), [NULLS], Deadline(30))
    assert gone.events == 4
    assert len(instance.fetch_observations(CUSTOMERS, limit=10).records) == 1
    history = instance.event_log_storage.get_asset_check_execution_history(NULLS, limit=10)
    assert [e.status.value for e in history] == ["FAILED"]
    assert prune(instance, datetime.now(UTC) + timedelta(seconds=1), [NULLS], Deadline(30)).events == 0


def test_the_job_leaves_what_is_young(lake: Pipeline, instance: dg.DagsterInstance) -> None:
    report(instance, True)
    report(instance, True)
    definitions = dg.Definitions.merge(build_pipeline_definitions(lake), build_operations([lake]))
    result = definitions.resolve_job_def("retention").execute_in_process(instance=instance)
    assert result.success
    assert len(instance.fetch_observations(CUSTOMERS, limit=10).records) == 2


def test_the_sweep_asks_for_every_check_with_everything_read_again(lake: Pipeline) -> None:
    definitions = dg.Definitions.merge(build_pipeline_definitions(lake), build_operations([lake]))
    schedule = definitions.resolve_schedule_def("daily_sweep")
    at = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
    with freeze_time(at), dg.build_schedule_context(scheduled_execution_time=at) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.run_key == "daily_sweep/lake/2026-11-22"
    assert {k.asset_key.path[-1] for k in request.asset_check_keys or ()} == {"customers", "orders"}
    job = definitions.resolve_implicit_global_asset_job_def()
    part = job.get_subset(asset_check_selection=set(request.asset_check_keys or ()), asset_selection=set())
    result = part.execute_in_process(run_config=request.run_config)
    assert len(result.get_asset_check_evaluations()) == len(request.asset_check_keys or ())


def test_a_sweep_without_services_is_skipped_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE_OF_THE_TEST", raising=False)
    text = make_lake(tmp_path).replace(f"path: {tmp_path}/customers", "path: {env: LAKE_OF_THE_TEST}")
    schedule = daily_sweep([build_pipeline(yaml.safe_load(text)["attributes"])])
    with dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 22, tzinfo=UTC)) as context:
        result = schedule.evaluate_tick(context)
    assert not result.run_requests
    assert "no pipeline's services are up" in str(result.skip_message)
