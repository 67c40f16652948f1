"""Verdicts as metrics: names and labels that stay, one state a check, and text that Prometheus' own reader takes."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline_checks.model.result import RunResult
from pipeline_checks.reports.metric_names import METRICS
from pipeline_checks.reports.prometheus import families, latest_of, render
from pipeline_checks.verification.ledger.latest import Latest
from pipeline_checks_tests.unit.reports.results import TAKEN, run


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by its labels, in the order of their names."""
    return {
        tuple(v for _, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.fixture(scope="module")
def text() -> str:
    return render([run()])


def test_each_check_has_one_verdict(text: str) -> None:
    found = values(text, "pipeline_checks_verdict")  # check, pipeline, stage, verdict
    assert len(found) == 5 * 5
    assert {key for key, value in found.items() if value == 1} == {
        ("counts", "shop", "pg_orders", "PASS"),
        ("latency", "shop", "topic_orders", "WARN"),
        ("counts", "shop", "delta_orders", "FAIL"),
        ("freshness", "shop", "delta_orders", "UNSETTLED"),
        ("counts", "shop", "api_orders", "ERROR"),
    }
    assert set(found.values()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("pipeline_checks_findings", ("counts", "shop", "delta_orders"), 1),
        ("pipeline_checks_check_duration_seconds", ("counts", "shop", "delta_orders"), 0.25),
        ("pipeline_checks_check_timestamp_seconds", ("counts", "shop", "delta_orders"), None),
        ("pipeline_checks_measure", ("counts", "amount", "shop", "delta_orders"), 1.5),
        ("pipeline_checks_stage_rows", ("exact", "shop", "delta_orders"), 9),
        ("pipeline_checks_stage_rows", ("bound", "shop", "topic_orders"), 31),
        ("pipeline_checks_stage_lag_seconds", ("shop", "pg_orders"), 0),
        ("pipeline_checks_stage_covers_cut", ("shop", "delta_orders"), 0),
        ("pipeline_checks_stage_readable", ("shop", "api_orders"), 0),
        ("pipeline_checks_stage_readable", ("shop", "delta_orders"), 1),
        ("pipeline_checks_stage_version", ("shop", "delta_orders"), 57),
        ("deltalake_table_version", ("shop", "delta_orders"), 57),
        ("pipeline_checks_stage_offset", ("0", "shop", "topic_orders", "shop.orders"), 7),
        ("pipeline_health", ("shop",), 0),
        ("cdc_lag_seconds", ("shop",), 0),
    ],
)
def test_what_a_run_found_stands_under_its_name(
    text: str, name: str, key: tuple[str, ...], value: float | None
) -> None:
    assert values(text, name)[key] == value if value is not None else key in values(text, name)


def test_what_is_not_known_is_not_told(text: str) -> None:
    assert ("shop", "delta_orders") not in values(text, "pipeline_checks_stage_lag_seconds")
    assert ("shop", "api_orders") not in values(text, "pipeline_checks_stage_covers_cut")
    assert ("counts", "ratio", "shop", "delta_orders") not in values(text, "pipeline_checks_measure")  # not a number
    assert not {name for name in METRICS if METRICS[name].kind == "counter" and f"{name}_total" in text}


def test_only_a_pipeline_that_proved_everything_is_healthy() -> None:
    of = {name: run(*checks, pipeline=name) for name, checks in _pipelines().items()}
    found = values(render(list(of.values())), "pipeline_health")
    assert found == {("good",): 1.0, ("warned",): 1.0, ("blind",): 0.0, ("bad",): 0.0}
    nothing = RunResult("r", "empty", TAKEN, 0.1, None)
    assert values(render([nothing]), "pipeline_health") == {("empty",): 0.0}


def _pipelines() -> dict[str, tuple[object, ...]]:
    from pipeline_checks_tests.unit.reports.results import CHECKS

    passed, warned, failed, unsettled, _ = CHECKS
    return {"good": (passed,), "warned": (passed, warned), "blind": (passed, unsettled), "bad": (passed, failed)}


def test_labels_of_any_text_are_read_back_as_they_are() -> None:
    latest = latest_of([run()])
    (place, known), *_ = latest.checks.items()
    hostile = 'a"b\\c\nd{}=,é'
    found = Latest(checks={(place[0], hostile, place[2]): known})
    (metric, *_) = families(found)
    assert {s.labels["stage"] for s in metric.samples} == {hostile}


def test_names_and_labels_stay() -> None:
    """Dashboards and rules of others are written against these: none may change without telling them."""
    assert {name: declared.labels for name, declared in METRICS.items() if not name.startswith("pipeline_checks_")} == {
        "pipeline_health": ("pipeline",),
        "cdc_lag_seconds": ("pipeline",),
        "row_count_difference": ("pipeline", "stage"),
        "deltalake_table_version": ("pipeline", "stage"),
        "debezium_connector_status": ("pipeline", "connector"),
        "data_validation": ("pipeline", "validator", "result"),
        "data_validation_failures": ("pipeline", "validator", "failure_type"),
        "checksum_mismatches": ("pipeline", "table"),
    }
    assert sorted(name.removeprefix("pipeline_checks_") for name in METRICS if name.startswith("pipeline_checks_")) == [
        "alerts_open",
        "alerts_waiting",
        "check_duration_seconds",
        "check_timestamp_seconds",
        "findings",
        "ledger_readable",
        "measure",
        "run_duration_seconds",
        "run_timestamp_seconds",
        "runs",
        "stage_covers_cut",
        "stage_lag_seconds",
        "stage_offset",
        "stage_readable",
        "stage_rows",
        "stage_version",
        "verdict",
    ]
