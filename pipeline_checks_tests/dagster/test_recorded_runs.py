"""A run of Dagster is recorded in the ledger as a run of the command is: once, with everything it judged."""

from __future__ import annotations

from pathlib import Path

from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks_tests.dagster.projects import evaluations, load_project, make_lake


def test_a_job_is_one_run_of_the_ledger_with_all_its_stages(tmp_path: Path) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    for count in (1, 2):
        assert job.execute_in_process().success
        with Ledger.existing() as ledger:
            assert ledger.stages() == [("lake", "customers"), ("lake", "orders")]
            states = {stage: ledger.previous("lake", stage) for _, stage in ledger.stages()}
        assert {stage: state.runs for stage, state in states.items()} == {"customers": count, "orders": count}
        assert [c.rows for c in states["customers"].rows] == [2] * count


def test_a_ledger_that_cannot_be_written_fails_no_check(tmp_path: Path, ledger_of_the_test: Path) -> None:
    job = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check")
    expected = {name: found.passed for name, found in evaluations(job.execute_in_process()).items()}
    for file in ledger_of_the_test.parent.glob("ledger.db*"):
        file.unlink()
    ledger_of_the_test.mkdir()
    result = job.execute_in_process(raise_on_error=False)
    assert {name: found.passed for name, found in evaluations(result).items()} == expected
    assert result.success
