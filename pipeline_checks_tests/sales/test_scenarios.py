"""Every damage of the sales pipeline is found exactly, every fault is survived, and every line becomes what it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pipeline_checks.pipelines.parts import own_services_of, scenarios_of, seed_of
from pipeline_checks.pipelines.sales.scenarios.errors.scenarios import error_scenarios
from pipeline_checks.pipelines.sales.services import services
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import Outcome, document
from pipeline_checks.scenarios.runner import ScenarioRunner
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.verification.discovery import load_pipeline, load_pipelines
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.syntax import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(3600)]

PIPELINE = load_pipeline("sales")
ALL = {s.name: s for s in scenarios_of(PIPELINE)}
ROWS = 200
MATRIX = ROOT / "docs" / "detection-matrix-sales.md"
CHOSEN = (
    # one round: their areas have nothing in common
    *("lost_rows__sales_quarantine", "cent_off__raw_sales_batch", "changed_amount__csv_files"),
    *("cent_off__sales_silver", "csv_data_corruption"),
)
"""One of every kind; `make soak` runs all of them."""

Run = Callable[[Sequence[str]], dict[str, Outcome]]


@pytest.fixture(scope="module")
def run(stack_home: Path) -> Iterator[Run]:
    """Run scenarios on the stack of the session, with data of every kind in it; the pipeline's services end with it."""
    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.up(services())
    seed = seed_of(PIPELINE)
    if seed.is_empty():
        seed.seed(ROWS, 5, "data_quality")
    said: list[str] = []

    def run_named(names: Sequence[str]) -> dict[str, Outcome]:
        runner = ScenarioRunner(PIPELINE, said.append)
        return {o.scenario.name: o for o in runner.run([ALL[name] for name in names])}

    yield run_named
    running.provider.stop(own_services_of(PIPELINE, load_pipelines()))


def test_exactly_what_was_damaged_is_found_and_nothing_else(run: Run) -> None:
    outcomes = run(CHOSEN)
    assert {name: o.differences for name, o in outcomes.items() if not o.exact} == {}
    assert set(outcomes) == set(CHOSEN)
    assert outcomes["csv_data_corruption"].recovery_seconds is not None


@pytest.mark.soak
def test_so_it_is_with_every_scenario(run: Run) -> None:
    outcomes = run(list(ALL))
    MATRIX.write_text(render(document(PIPELINE.name, list(outcomes.values()))))
    assert {name: o.differences for name, o in outcomes.items() if not o.exact} == {}


def test_every_fault_has_its_scenario() -> None:
    named = {e.name for e in error_scenarios()}
    assert len(named) == 14
    assert named <= set(ALL)
    assert set(CHOSEN) <= set(ALL)
    families = {e.error_type for e in error_scenarios()}
    assert families == {"service_failure", "data_corruption", "network_issue", "resource_exhaustion"}
