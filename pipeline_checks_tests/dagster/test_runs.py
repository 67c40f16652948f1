"""Runs over real Delta tables: every selected check yields a result, whatever happens, from one session a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from deltalake import write_deltalake

from pipeline_checks.orchestration import session_resource
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.dagster.processes import fast_folder
from pipeline_checks_tests.dagster.projects import customers, evaluations, load_project, make_lake, value

CHECKS = {
    *(f"customers.{kind}" for kind in ("counts", "schema", "duplicates", "freshness", "nulls", "values")),
    *(f"orders.{kind}" for kind in ("counts", "schema", "duplicates", "freshness", "values")),
}


def failed(found: dict[str, dg.AssetCheckEvaluation]) -> set[str]:
    """The checks that did not pass, without counts: these tables have no upstream to be counted against."""
    return {name for name, e in found.items() if not e.passed and not name.endswith(".counts")}


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[VerificationSession]:
    """The sessions opened while the test runs; they are real ones."""
    opened: list[VerificationSession] = []

    class Seen(VerificationSession):
        closed = False

        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)  # type: ignore[arg-type]
            opened.append(self)

        def close(self) -> None:
            super().close()
            self.closed = True

    monkeypatch.setattr(session_resource, "VerificationSession", Seen)
    return opened


def test_a_run_settles_and_checks_everything_in_one_session(
    tmp_path: Path, sessions: list[VerificationSession]
) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_run")
    with fast_folder() as folder, dg.instance_for_test(temp_dir=str(folder)) as instance:
        result = job.execute_in_process(instance=instance)
        assert result.success
        event = instance.get_latest_materialization_event(dg.AssetKey(["lake", "customers"]))
        assert event is not None
        assert event.asset_materialization is not None
        tags = event.asset_materialization.tags or {}
        assert tags["dagster/data_version"] == '{"kind":"version","value":0}'
        facts = event.asset_materialization.metadata
        assert (facts["rows"].value, facts["dagster/row_count"].value, facts["delta_version"].value) == (2, 2, 0)
    found = evaluations(result)
    assert set(found) == CHECKS
    assert not failed(found)
    assert len(sessions) == 1
    assert sessions[0].closed  # type: ignore[attr-defined]


def test_a_check_job_materializes_nothing_and_checks_everything(tmp_path: Path) -> None:
    result = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check").execute_in_process()
    assert set(evaluations(result)) == CHECKS
    assert not result.get_asset_materialization_events()


def test_one_selected_check_gets_a_session_of_its_own_and_its_result(
    tmp_path: Path, sessions: list[VerificationSession]
) -> None:
    definitions = load_project(tmp_path, make_lake(tmp_path, emails=("a@b", None)))
    key = dg.AssetCheckKey(dg.AssetKey(["lake", "customers"]), "nulls")
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_check_selection={key}, asset_selection=set()).execute_in_process()
    found = evaluations(result)
    assert set(found) == {"customers.nulls"}
    assert value(found["customers.nulls"], "verdict") == "FAIL"
    assert len(sessions) == 1


def test_findings_fail_their_checks_and_no_others(tmp_path: Path) -> None:
    text = make_lake(tmp_path, emails=("a@b", None), amounts=(1, -5))
    result = load_project(tmp_path, text).resolve_job_def("lake_check").execute_in_process()
    found = evaluations(result)
    assert result.success, "a check that is not blocking does not fail the run"
    assert failed(found) == {"customers.nulls", "orders.values"}
    assert found["orders.values"].severity is dg.AssetCheckSeverity.ERROR
    assert value(found["orders.values"], "findings_total") == 1
    (record,) = found["orders.values"].metadata["findings"].records  # type: ignore[union-attr]
    assert (record.data["key"], record.data["seen"]) == ('{"order_id": 2}', "-5")


def test_a_table_that_is_not_there_gives_an_error_of_each_of_its_checks_and_the_others_go_on(tmp_path: Path) -> None:
    text = make_lake(tmp_path)
    shutil.rmtree(tmp_path / "customers")
    result = load_project(tmp_path, text).resolve_job_def("lake_run").execute_in_process()
    found = evaluations(result)
    assert set(found) == CHECKS
    verdicts = {name: value(e, "verdict") for name, e in found.items()}
    assert {v for n, v in verdicts.items() if n.startswith("customers.")} == {"ERROR"}
    assert not failed({name: e for name, e in found.items() if name.startswith("orders.")})


def test_a_fault_of_ours_gives_an_error_of_each_selected_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(VerificationSession, "evaluate", broken)
    result = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check").execute_in_process()
    found = evaluations(result)
    assert set(found) == CHECKS
    assert {value(e, "verdict") for e in found.values()} == {"ERROR"}
    assert "a fault of ours" in value(found["customers.counts"], "message")


def test_what_a_blocking_check_kept_from_running_is_reported_as_an_error(tmp_path: Path) -> None:
    text = make_lake(tmp_path, emails=("a@b", None)).replace("blocking: false", "blocking: true")
    text = text.replace("path: " + f"{tmp_path}/orders", f"from: customers\n      path: {tmp_path}/orders")
    job = load_project(tmp_path, text).resolve_job_def("lake_run")
    with fast_folder() as folder, dg.instance_for_test(temp_dir=str(folder)) as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        ran = set(evaluations(result))
        assert ran == {c for c in CHECKS if c.startswith("customers.")}
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey(["lake", "orders"]), c.split(".")[1]) for c in CHECKS - ran]
        )
        assert len(latest) == len(CHECKS - ran)
        for record in latest.values():
            assert record.event is not None
            evaluation = record.event.dagster_event.event_specific_data  # type: ignore[union-attr]
            assert not evaluation.passed  # type: ignore[union-attr]
            message = evaluation.metadata["message"].value  # type: ignore[union-attr]
            assert message.startswith("not evaluated: blocked by customers.")


def test_the_deadline_can_be_set_for_a_run(tmp_path: Path, sessions: list[VerificationSession]) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    job.execute_in_process(run_config={"resources": {"lake_verification": {"config": {"deadline": 2.5, "full": True}}}})
    assert (sessions[0].options.deadline, sessions[0].options.full) == (2.5, True)


def test_the_next_run_looks_again(tmp_path: Path) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    assert evaluations(job.execute_in_process())["customers.nulls"].passed
    write_deltalake(str(tmp_path / "customers"), customers("a@b", None), mode="overwrite")
    assert not evaluations(job.execute_in_process())["customers.nulls"].passed
