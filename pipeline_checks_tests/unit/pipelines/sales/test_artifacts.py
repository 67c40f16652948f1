"""Artifacts and reports: of their published form, with counts that agree, and refused where they are not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.pipelines.sales.artifacts.folder import RunFolder
from pipeline_checks.pipelines.sales.artifacts.reports import (
    Call,
    Measured,
    benchmark_report,
    fault_report,
    master_report,
    overall,
    pipeline_report,
)
from pipeline_checks.pipelines.sales.artifacts.schemas import names, problems, require_valid, schema
from pipeline_checks.pipelines.sales.artifacts.throughput import Sent
from pipeline_checks.pipelines.sales.artifacts.validation import validation_report
from pipeline_checks.pipelines.sales.running.outcome import RunOutcome, unexpected

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
CALL = Call(AT, AT + timedelta(seconds=90))


def check(verdict: Verdict, **measures: Any) -> CheckResult:
    return CheckResult("sales_silver", "counts", Judgement(verdict, "said", {"rows": 3}, measures), 0.5)


def result(*checks: CheckResult) -> RunResult:
    return RunResult("run", "sales", AT, 2.0, None, (), checks)


def test_a_validation_passes_only_when_every_check_does_whatever_the_score() -> None:
    found = validation_report(result(check(Verdict.PASS), check(Verdict.WARN), check(Verdict.FAIL, score=0.99)))
    require_valid(found, "validation_report")
    assert (found["overall_passed"], found["overall_score"]) == (False, 0.9967)
    assert [r["error_message"] for r in found["stage_results"]] == [None, None, "said"]


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.UNSETTLED])
def test_what_was_not_proved_did_not_pass(verdict: Verdict) -> None:
    assert not validation_report(result(check(verdict)))["overall_passed"]
    assert len(unexpected(result(check(Verdict.PASS), check(verdict)))) == 1


def test_a_score_that_is_none_is_taken_from_the_verdict() -> None:
    scores = [check(Verdict.PASS, score=7), check(Verdict.PASS, score=True), check(Verdict.FAIL, score="1")]
    assert [r["score"] for r in validation_report(result(*scores))["stage_results"]] == [1.0, 1.0, 0.0]


def test_a_report_of_no_check_passes_nothing_and_is_not_of_its_form() -> None:
    nothing = validation_report(result())
    assert (nothing["overall_passed"], nothing["overall_score"]) == (False, 0.0)
    assert problems(nothing, "validation_report")


def test_nothing_run_is_no_success() -> None:
    assert overall([]) == {
        "success": False,
        "total_tests": 0,
        "passed_tests": 0,
        "failed_tests": 0,
        "success_rate": 0.0,
    }


def test_reports_are_of_their_published_form() -> None:
    outcome = RunOutcome("happy_path", AT, AT + timedelta(seconds=9), result(check(Verdict.PASS)), None, (), (), None)
    failed = RunOutcome("edge_cases", AT, AT + timedelta(seconds=9), None, None, (), ("no broker",), None)
    pipeline = pipeline_report([outcome.to_json(), failed.to_json()], CALL, {"test_data": {}})
    require_valid(pipeline, "pipeline_test_report")
    assert pipeline["overall_results"]["success_rate"] == 0.5
    assert pipeline["recommendations"] == ["edge_cases: no broker"]
    scenario = {
        "scenario": "kafka_service_stop",
        "description": "",
        "fault": "stop",
        "target": "kafka",
        "exact": False,
        "differences": ["not found: x"],
        "injury": "",
        "found_by": [],
        "blamed": [],
        "verdicts": [],
        "keys": 0,
        "keys_exact": True,
        "seconds": 1.5,
    }
    faults = fault_report([scenario, {**scenario, "exact": True, "differences": []}], AT, 3.0)
    require_valid(faults, "error_scenario_report")
    assert faults["summary_analysis"]["component_reliability"] == {"kafka": {"scenarios": 2, "passed": 1}}
    assert faults["summary_analysis"]["failure_patterns"] == {"not found": 1}
    master = master_report(
        {"pipeline": {**overall([True, False]), "report": "p.json"}, "faults": {**overall([True]), "report": None}},
        CALL,
        {},
    )
    require_valid(master, "master_test_report")
    assert master["overall_results"] == {
        "success": False,
        "total_tests": 3,
        "passed_tests": 2,
        "failed_tests": 1,
        "success_rate": 0.6667,
    }


def test_a_benchmark_compares_the_largest_workload_with_the_smallest() -> None:
    found = benchmark_report([Measured(1000, 10.0, {"spark": 4.0}), Measured(4000, 20.0, {})], AT)
    require_valid(found, "benchmark_report")
    assert found["summary"] == {
        "min_throughput": 100.0,
        "max_throughput": 200.0,
        "avg_throughput": 150.0,
        "standard_deviation": 70.711,
        "scalability": 2.0,
    }
    empty = benchmark_report([Measured(0, 3.0, {})], AT)
    require_valid(empty, "benchmark_report")
    assert (empty["results"][0]["throughput"], empty["summary"]["avg_throughput"]) == (None, None)


def test_a_run_has_a_folder_of_its_own_and_only_documents_of_their_form_are_written(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "happy_path", AT)
    assert folder.path.name.startswith("happy_path_20261121_020000_")
    assert len(folder.path.name) == len("happy_path_20261121_020000_") + 8
    metadata = {
        "scenario_name": "happy_path",
        "generation_timestamp": AT.isoformat(),
        "scenario_description": "",
        "record_counts": {"csv_records": 1, "kafka_messages": 1, "expected_output_records": 1},
        "file_paths": {},
    }
    assert json.loads(folder.write("metadata", metadata).read_bytes()) == metadata
    with pytest.raises(TerminalError, match="record_counts"):
        folder.write("metadata", {**metadata, "record_counts": {}})
    with pytest.raises(TerminalError, match="unknown"):
        folder.write("metadata", {**metadata, "unknown": 1})
    assert folder.files() == {"metadata": "metadata.json"}
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_every_schema_is_one() -> None:
    from jsonschema_rs import meta

    assert len(names()) == 9
    for name in names():
        meta.validate(schema(name))


def test_how_long_sending_took_is_told_by_the_topic() -> None:
    def message(seconds: int) -> dict[str, Any]:
        return {"timestamp": (AT + timedelta(seconds=seconds)).isoformat()}

    assert Sent.of([message(4), message(0), message(9)]) == Sent(3, 9.0)
    assert Sent.of([]) == Sent(0, 0.0)
