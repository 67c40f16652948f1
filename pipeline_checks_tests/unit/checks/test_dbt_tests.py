"""What dbt's tests found is told of the model: a failure as a finding, a warning as a doubt, no test as no proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_checks.checks.dbt_tests import CHECK, TESTS
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.measure import Coverage, CoverageState, Measured
from pipeline_checks.stages.dbt_model import DbtModel
from pipeline_checks.stages.warehouse_table import WarehouseTable

DECLARED = {"name": "facts", "connection": {"url": {"env": "W"}}, "table": "marts.facts", "runs": "marts.runs"}
STAGE = DbtModel.model_validate({**DECLARED, "tests": "marts.results"})


def result(test: str, status: str, failures: int | None = 0) -> dict[str, Any]:
    return {"test": test, "severity": "error", "status": status, "failures": failures, "message": "a message"}


def judged(*results: dict[str, Any]) -> Any:
    values = {TESTS: Measured(list(results)), Coverage(): Measured(CoverageState(True, 0.0, 1))}
    return CHECK.judge(CHECK.configure(STAGE), Evidence(STAGE, datetime(2026, 1, 1, tzinfo=UTC), None, values))


@pytest.mark.parametrize(
    ("results", "verdict", "details"),
    [
        ([result("unique", "pass"), result("not_null", "pass")], "PASS", []),
        ([result("unique", "fail", 3), result("not_null", "pass")], "FAIL", ["unique"]),
        ([result("unique", "error", None)], "FAIL", ["unique"]),
        ([result("unique", "warn", 2)], "WARN", []),
        ([], "UNSETTLED", []),
    ],
)
def test_each_outcome_has_its_verdict(results: list[dict[str, Any]], verdict: str, details: list[str]) -> None:
    judgement = judged(*results)
    assert (str(judgement.verdict), [f.detail for f in judgement.findings]) == (verdict, details)


def test_only_models_whose_results_are_declared_are_judged() -> None:
    assert CHECK.applies_to(STAGE)
    assert not CHECK.applies_to(DbtModel.model_validate(DECLARED))
    table = {k: v for k, v in DECLARED.items() if k != "runs"}
    assert not CHECK.applies_to(WarehouseTable.model_validate(table))
