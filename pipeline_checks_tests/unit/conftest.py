"""Fixtures of the tests that need no services."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.verification.ledger.location import URL_VARIABLE


@pytest.fixture(autouse=True)
def home_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every verification writes a ledger: a test's into a home of its own, never into a developer's."""
    home = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return home
