"""Fixtures of the tests of Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.verification.ledger.location import URL_VARIABLE


@pytest.fixture(autouse=True)
def ledger_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run writes a ledger: a test's into a file of its own, never into a developer's home."""
    file = tmp_path / "ledger.db"
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{file}")
    return file
