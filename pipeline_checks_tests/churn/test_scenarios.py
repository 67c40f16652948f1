"""Every damage of the churn pipeline's scenarios is found exactly, and undone without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pipeline_checks.pipelines.churn.services import CONSUMER, services
from pipeline_checks.pipelines.parts import scenarios_of, seed_of
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import Outcome, document
from pipeline_checks.scenarios.runner import ScenarioRunner
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.syntax import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PIPELINE = load_pipeline("churn")
ALL = {s.name: s for s in scenarios_of(PIPELINE)}
ROWS = 200
MATRIX = ROOT / "docs" / "detection-matrix-churn.md"
CHOSEN = (
    # each line is a round: their areas have nothing in common
    *("lost_output__topic_predictions", "altered_original__topic_deadletter", "row_not_sent__customer_source"),
    *("doubled_output__topic_predictions", "unknown_error_type__topic_deadletter", "changed_row__customer_source"),
    *("wrong_label__topic_predictions", "other_retention__topic_deadletter", "other_retention__topic_raw"),
    *("wrong_probability__topic_predictions",),
    *("wrong_model_version__topic_predictions",),
    *("swapped_order__topic_predictions",),
    *("bad_messages__topic_raw",),
    *("frozen__churn_consumer",),
)
"""One or more of every kind; `make soak` runs all of them."""

Run = Callable[[Sequence[str]], dict[str, Outcome]]


@pytest.fixture(scope="module")
def run(stack_home: Path) -> Iterator[Run]:
    """Run scenarios on the stack of the session, whose consumer is gone again behind them."""
    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.up(services())
    seed = seed_of(PIPELINE)
    if seed.is_empty():
        seed.seed(ROWS, 5)
    said: list[str] = []

    def run_named(names: Sequence[str]) -> dict[str, Outcome]:
        runner = ScenarioRunner(PIPELINE, said.append)
        return {o.scenario.name: o for o in runner.run([ALL[name] for name in names])}

    yield run_named
    running.provider.stop([s for s in services() if s.name == CONSUMER])


def test_exactly_what_was_damaged_is_found_and_nothing_else(run: Run) -> None:
    outcomes = run(CHOSEN)
    assert {name: o.differences for name, o in outcomes.items() if not o.exact} == {}
    assert all(o.keys_exact for o in outcomes.values())
    assert set(outcomes) == set(CHOSEN)


@pytest.mark.soak
def test_so_it_is_with_every_scenario(run: Run) -> None:
    outcomes = run(list(ALL))
    MATRIX.write_text(render(document(PIPELINE.name, list(outcomes.values()))))
    assert {name: o.differences for name, o in outcomes.items() if not o.exact} == {}


def test_there_is_a_scenario_of_every_damage_that_the_pipeline_must_tell() -> None:
    targets = {scenario.target for scenario in ALL.values()}
    assert {s.name for s in PIPELINE.stages if s.kind != "consumer_group"} | {CONSUMER, "kafka"} == targets | {
        "customer_source"
    }
    assert set(CHOSEN) <= set(ALL)
