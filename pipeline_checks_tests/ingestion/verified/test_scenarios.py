"""The scenarios of the pipeline: each damage is found exactly, and undone without a trace."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.pipelines.ingestion.seed import change, is_empty, seed
from pipeline_checks.pipelines.parts import scenarios_of
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import document
from pipeline_checks.scenarios.runner import ScenarioRunner
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.syntax import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

PIPELINE = load_pipeline("ingestion")
NAMES = tuple(s.name for s in scenarios_of(PIPELINE))
MATRIX = ROOT / "docs" / "detection-matrix-ingestion.md"
USUAL = (
    *("lost_rows__lake_table", "loaded_again__lake_table", "unmarked_file__ingestion_metadata"),
    *("forgotten_object__source_objects", "malformed_object__source_objects"),
)
"""One of each sort; all of them take some minutes."""


@pytest.fixture(scope="module", autouse=True)
def _seeded(ingestion_stack: object) -> None:
    """Files of both sorts have been loaded."""
    if is_empty():
        seed(60, 42)
        change(42)


def ran(names: tuple[str, ...]) -> dict[str, Any]:
    """Run scenarios and return the document of the command."""
    chosen = [s for s in scenarios_of(PIPELINE) if s.name in names]
    return document(PIPELINE.name, ScenarioRunner(PIPELINE, print).run(chosen))


def wrong(found: dict[str, Any]) -> dict[str, list[str]]:
    return {o["scenario"]: o["differences"] for o in found["scenarios"] if not o["exact"]}


def test_names_are_unique_and_those_of_every_run_are_among_them() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(USUAL) < set(NAMES)


def test_each_sort_of_damage_is_found_exactly_and_undone() -> None:
    found = ran(USUAL)
    assert wrong(found) == {}
    assert len(found["scenarios"]) == len(USUAL)


@pytest.mark.soak
def test_every_damage_is_found_exactly_and_undone() -> None:
    found = ran(NAMES)
    MATRIX.write_text(render(found))
    assert wrong(found) == {}
    assert len(found["scenarios"]) == len(NAMES)
