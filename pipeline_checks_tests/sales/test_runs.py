"""One run of the whole pipeline by its runner: passed, measured, and its artifacts agree with the truth of the file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.model.clock import now
from pipeline_checks.pipelines.sales.artifacts.schemas import require_valid
from pipeline_checks.pipelines.sales.monitoring.report import performance_report
from pipeline_checks.pipelines.sales.running.components import COMPONENTS
from pipeline_checks.pipelines.sales.running.one_run import PipelineRun
from pipeline_checks.pipelines.sales.running.outcome import RunOutcome
from pipeline_checks.pipelines.sales.services import services
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.conftest import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
ROWS = 200
"""Of which 20 are wrong and 5 in a hundred are sent twice."""
LINES, KEPT = 210, 180


@pytest.fixture(scope="module")
def outcome(stack_home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """A run on the session's stack, whose services the scenarios that come behind go on with."""
    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.up(services())
    root = tmp_path_factory.mktemp("artifacts")
    return PipelineRun(load_pipeline("sales"), running.provider, "data_quality", ROWS, 5, root).run()


def _document(outcome: RunOutcome, name: str) -> Any:
    assert outcome.artifacts is not None
    found = json.loads((outcome.artifacts / f"{name}.json").read_bytes())
    require_valid(found, name)
    return found


def test_the_run_passes_and_says_so_in_its_report(outcome: RunOutcome) -> None:
    assert outcome.problems == ()
    assert outcome.success
    report = _document(outcome, "validation_report")
    assert report["overall_passed"] is True
    assert {"csv_files", "topic_sales_lines", "sales_silver", "raw_sales_batch", "fact_sales"} <= {
        r["stage"] for r in report["stage_results"]
    }


def test_the_artifacts_are_of_their_form_and_their_counts_are_the_ledger(outcome: RunOutcome) -> None:
    assert outcome.artifacts is not None
    metadata, messages = _document(outcome, "metadata"), _document(outcome, "kafka_messages")
    lines = [m for m in messages if m["topic"] == "sales_lines"]
    assert len(lines) == LINES
    assert metadata["record_counts"] == {
        "csv_records": LINES,
        "kafka_messages": len(messages),
        "expected_output_records": KEPT,
    }
    for name, rows in (("input_data.csv", LINES), ("expected_output.csv", KEPT)):
        with (outcome.artifacts / name).open(newline="", encoding="utf-8") as file:
            assert sum(1 for _ in csv.DictReader(file)) == rows, name
    assert {*metadata["file_paths"].values()} == {p.name for p in outcome.artifacts.iterdir()}


def test_what_was_measured_is_what_was_processed(outcome: RunOutcome) -> None:
    metrics = _document(outcome, "performance_metrics")
    assert metrics["kafka"]["messages_produced"] == LINES
    assert (metrics["spark"]["input_records"], metrics["spark"]["output_records"]) == (LINES, KEPT)
    assert metrics["overall"]["total_records_processed"] == KEPT
    assert metrics["dbt"]["all_success"] is True
    assert [c["command"] for c in metrics["dbt"]["command_results"]] == ["dbt run", "dbt test"]
    assert all(metrics[stage]["throughput"] > 0 for stage in ("kafka", "spark"))
    assert 0 < metrics["dbt"]["duration_seconds"] < metrics["overall"]["total_duration"]


def test_each_component_was_seen_working(outcome: RunOutcome) -> None:
    report = performance_report(outcome.components, now())
    require_valid(report, "performance_test_report")
    assert set(report["component_reports"]) == set(COMPONENTS)
    for name, component in report["component_reports"].items():
        stats = component["summary_stats"]
        assert component["problems"] == [], name
        assert stats["sampling"]["samples"] > 0
        assert stats["cpu"]["max"] > 0, name
        assert stats["memory"]["min"] > 1, name
    queues = report["component_reports"]["spark_processing"]["summary_stats"]["queues"]
    assert queues["sales_lines_lag"]["max"] > 0
    last = [
        m for m in report["component_reports"]["spark_processing"]["metrics"] if m["metric_name"] == "sales_lines_lag"
    ]
    assert last[-1]["value"] == 0, "at the end nothing waits"
