"""Who starts and stops services: decided by the environment, never by what happens to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.errors import ConfigurationError, TransientError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stack.providers import VARIABLE
from pipeline_checks.stages.delta import DeltaTable
from pipeline_checks.testing.modes import SKIP_VARIABLE, mode_of
from pipeline_checks.testing.stack import bring_up, take_down

FLOW = """
from pipeline_checks.model.errors import TransientError
from pipeline_checks.stack.service import Service

def probe(settings):
    if settings["MODES_URL"] != "right":
        raise TransientError("nobody answers")

def services():
    return [Service("modes", needs=("MODES_URL",), probe=probe)]
"""
STAGES = (DeltaTable(name="table", path="nowhere"),)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing, and an empty home."""
    for name in (SKIP_VARIABLE, VARIABLE, "MODES_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipeline:
    """A pipeline with one service that is ready when its address is right."""
    (tmp_path / "flow_of_modes.py").write_text(FLOW)
    monkeypatch.syspath_prepend(tmp_path)
    return Pipeline(name="modes", flow="flow_of_modes", stages=STAGES)


@pytest.mark.parametrize(
    ("variables", "given", "provider", "managed"),
    [
        ({}, None, "embedded", True),
        ({VARIABLE: "compose"}, None, "compose", True),
        ({VARIABLE: "compose"}, "embedded", "embedded", True),
        ({VARIABLE: "external"}, None, "external", False),
        ({SKIP_VARIABLE: "0"}, None, "external", False),
        ({SKIP_VARIABLE: "true", VARIABLE: "compose"}, "embedded", "external", False),
        ({SKIP_VARIABLE: ""}, None, "embedded", True),
    ],
)
def test_the_mode_follows_from_the_environment(
    variables: dict[str, str], given: str | None, provider: str, managed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    mode = mode_of(given)
    assert (mode.provider, mode.managed) == (provider, managed)


def test_services_of_others_are_asked_and_never_stopped(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODES_URL", "right")
    stack = bring_up([pipeline], mode_of("external"))
    assert [(s.name, s.state) for s in stack.services] == [("modes", "ready")]
    assert stack.started == ()
    assert take_down([pipeline], stack.mode, ["modes"]) == []


@pytest.mark.parametrize(("address", "error"), [(None, ConfigurationError), ("wrong", TransientError)])
def test_a_missing_service_of_others_is_an_error_that_says_who_would_start_it(
    address: str | None, error: type[Exception], pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline_checks.stack.external._PATIENCE_SECONDS", 0.0)
    if address:
        monkeypatch.setenv("MODES_URL", address)
    with pytest.raises(error, match=f"MODES_URL|nobody answers.*pipeline-checks up.*{SKIP_VARIABLE}"):
        bring_up([pipeline], mode_of("external"))


def test_a_pipeline_without_services_needs_none() -> None:
    assert bring_up([Pipeline(name="bare", stages=STAGES)], mode_of("external")).services == []
