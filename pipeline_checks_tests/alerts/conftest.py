"""Fixtures of the tests of alerts: a ledger of their own, a pipeline, and who takes the messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.ledger.location import URL_VARIABLE
from pipeline_checks_tests.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def home_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with the ledger in it."""
    home = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return home


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("OPS_HOOK", f"{found.url}/hook")
        monkeypatch.setenv("OPS_SLACK", f"{found.url}/slack")
        yield found


@pytest.fixture
def shop(receiver: Receiver, tmp_path: Path) -> Pipeline:
    """A pipeline that tells a webhook and Slack."""
    stage = {"name": "lake", "kind": "delta_table", "path": str(tmp_path / "lake"), "contract": {"key": ["id"]}}
    channels = [
        {"kind": "webhook", "url": {"env": "OPS_HOOK"}},
        {"kind": "slack", "url": {"env": "OPS_SLACK"}},
    ]
    return Pipeline(
        name="shop",
        stages=(declaration_class("delta_table").model_validate(stage),),
        alerts=AlertsDeclaration.model_validate({"channels": channels}),
    )
