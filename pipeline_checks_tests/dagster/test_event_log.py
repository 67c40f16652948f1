"""The event log that dagster.yaml names holds what Dagster's default does, and keeps few files open."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.orchestration.event_log import MOST_OPEN, KeptSqliteEventLogStorage
from pipeline_checks_tests.dagster.projects import load_project, make_lake

ROOT = Path(__file__).resolve().parents[2]
EVALUATED = "ASSET_CHECK_EVALUATION"
NAMED = yaml.safe_load((ROOT / "dagster.yaml").read_text())["event_log_storage"]


def events_of(job: dg.JobDefinition, storage: dict[str, object], home: Path) -> list[str]:
    home.mkdir()
    with dg.instance_for_test(storage, temp_dir=str(home)) as instance:
        result = job.execute_in_process(instance=instance)
        recorded = [e.dagster_event for e in instance.all_logs(result.run_id) if e.dagster_event is not None]
        checks = [e.asset_check_evaluation_data.check_name for e in recorded if e.event_type_value == EVALUATED]
        assert len(checks) == len(result.get_asset_check_evaluations())
        return [e.event_type_value for e in recorded if e.event_type_value != "ENGINE_EVENT"] + checks


def test_the_same_events_stand_in_it_as_in_the_default(tmp_path: Path) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    kept = {"event_log_storage": NAMED | {"config": {"base_dir": str(tmp_path / "events")}}}
    assert events_of(job, kept, tmp_path / "one") == events_of(job, {}, tmp_path / "other")


def test_what_was_wiped_is_gone_and_events_can_follow(tmp_path: Path) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    kept = {"event_log_storage": NAMED | {"config": {"base_dir": str(tmp_path / "events")}}}
    with dg.instance_for_test(kept) as instance:
        first = job.execute_in_process(instance=instance).run_id
        instance.event_log_storage.wipe()
        assert instance.all_logs(first) == []
        assert instance.all_logs(job.execute_in_process(instance=instance).run_id)


def test_files_of_many_runs_are_not_all_kept_open(tmp_path: Path) -> None:
    storage = KeptSqliteEventLogStorage(str(tmp_path))
    for number in range(3 * MOST_OPEN):
        assert not storage.get_logs_for_run(f"run{number}")
    assert len(storage._kept) == MOST_OPEN
    storage.dispose()
    assert not storage._kept


def test_without_a_folder_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(ConfigurationError, match="DAGSTER_HOME"):
        KeptSqliteEventLogStorage()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    KeptSqliteEventLogStorage().dispose()
    assert (tmp_path / "history" / "runs" / "index.db").exists()
