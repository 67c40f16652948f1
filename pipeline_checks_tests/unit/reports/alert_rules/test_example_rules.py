"""Every example rule fires on its fault, and none on anything else."""

from __future__ import annotations

import pytest

from pipeline_checks.reports.metric_names import METRICS
from pipeline_checks_tests.unit.reports.alert_rules import timelines
from pipeline_checks_tests.unit.reports.alert_rules.promql import Scrapes
from pipeline_checks_tests.unit.reports.alert_rules.rules import firing, rules
from pipeline_checks_tests.unit.reports.alert_rules.timelines import FAULTS, INSTANTS


def fired(fault: str | None) -> set[str]:
    """The alerts that fire at the end of a timeline."""
    changes = None if fault is None else FAULTS[fault][0]
    return {f.alert for f in firing(Scrapes.of(timelines.scrapes(changes)), INSTANTS)}


def test_nothing_fires_while_everything_is_right() -> None:
    assert fired(None) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fires_its_alerts_and_no_others(fault: str) -> None:
    assert fired(fault) == FAULTS[fault][1]


def test_every_rule_has_a_fault_that_it_fires_on() -> None:
    assert {rule["alert"] for rule in rules()} == set().union(*(alerts for _, alerts in FAULTS.values()))


def test_every_rule_is_about_metrics_that_are_told() -> None:
    told = {f"{name}_total" if m.kind == "counter" else name for name, m in METRICS.items()}
    for rule in rules():
        assert any(name in rule["expr"] for name in told), rule["alert"]
