"""The scenarios of the pipeline: each damage is found exactly, and undone without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_checks.pipelines.market_data.scenarios.fresh import begin_anew
from pipeline_checks.pipelines.market_data.services import services
from pipeline_checks.pipelines.parts import scenarios_of
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import document
from pipeline_checks.scenarios.runner import ScenarioRunner
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.syntax import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PIPELINE = load_pipeline("market_data")
NAMES = tuple(s.name for s in scenarios_of(PIPELINE))
MATRIX = ROOT / "docs" / "detection-matrix-market_data.md"
USUAL = (
    *("lost_in_batch__trades_table", "doubled_rows__trades_table", "satoshi_off__trades_table"),
    *("field_removed", "crashed__market_registry", "never_sent_25"),
)
"""One of each sort; all of them take some minutes."""


@pytest.fixture(scope="module")
def _empty(market_stack: object) -> Iterator[None]:
    """Nothing is there of what other tests had the exchange do."""
    begin_anew(services())
    yield


def ran(names: tuple[str, ...]) -> dict[str, Any]:
    """Run scenarios and return the document of the command."""
    chosen = [s for s in scenarios_of(PIPELINE) if s.name in names]
    return document(PIPELINE.name, ScenarioRunner(PIPELINE, print).run(chosen))


def wrong(found: dict[str, Any]) -> dict[str, list[str]]:
    return {o["scenario"]: o["differences"] for o in found["scenarios"] if not o["exact"]}


def test_names_are_unique_and_those_of_every_run_are_among_them() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(USUAL) < set(NAMES)


@pytest.mark.usefixtures("_empty")
def test_each_sort_of_damage_is_found_exactly_and_undone() -> None:
    found = ran(USUAL)
    assert wrong(found) == {}
    assert len(found["scenarios"]) == len(USUAL)


@pytest.mark.soak
@pytest.mark.usefixtures("_empty")
def test_every_damage_is_found_exactly_and_undone() -> None:
    found = ran(NAMES)
    MATRIX.write_text(render(found))
    assert wrong(found) == {}
    assert len(found["scenarios"]) == len(NAMES)
