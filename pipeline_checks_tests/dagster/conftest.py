"""Fixtures of the tests of Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.orchestration.run_report import FOLDER_VARIABLE
from pipeline_checks.verification.ledger.location import URL_VARIABLE


@pytest.fixture(autouse=True)
def ledger_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run writes a ledger and a report: a test's into a folder of its own, never into a developer's home."""
    file = tmp_path / "ledger.db"
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{file}")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "reports"))
    return file
