"""The scenarios of the pipeline as they are declared: enough of them, each of something that is there."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline_checks.faults.catalogue import FAULTS
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.pipelines.parts import scenarios_of, services_of
from pipeline_checks.verification.discovery import load_pipeline

PIPELINE = load_pipeline("cdc")
SCENARIOS = scenarios_of(PIPELINE)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return PIPELINE


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_damages_something_that_is_there_and_looks_at_it(pipeline: Pipeline, scenario: Scenario) -> None:
    target = Target(pipeline, scenario.target, tuple(services_of([pipeline])))
    assert scenario.fault.acts_on(target)
    stages = {s.name for s in pipeline.stages}
    assert scenario.area
    assert set(scenario.area) <= stages
    assert set(scenario.stages or ()) <= stages
    assert not target.is_stage or scenario.target in scenario.area
    assert FAULTS[scenario.fault.name] is scenario.fault


def test_names_are_given_once() -> None:
    assert [name for name, number in Counter(s.name for s in SCENARIOS).items() if number > 1] == []


def test_there_are_at_least_30_damages_of_data_and_8_of_services() -> None:
    cells = {(s.fault.name, s.target) for s in SCENARIOS}
    stages = {s.name for s in PIPELINE.stages}
    assert len([c for c in cells if c[1] in stages]) >= 30
    assert len([c for c in cells if c[1] not in stages]) >= 8


def test_every_kind_of_stage_is_damaged() -> None:
    damaged = {PIPELINE.stage(s.target).kind for s in SCENARIOS if s.target in {x.name for x in PIPELINE.stages}}
    assert damaged == {"postgres_table", "service", "debezium_topic", "delta_table", "iceberg_table"}
