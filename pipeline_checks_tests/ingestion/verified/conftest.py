"""Loads of each test's own, beside those of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.verified.loaded import Loaded


@pytest.fixture
def loaded(ingestion_base: RunningStack) -> Iterator[Loaded]:
    """What a service leaves behind that has loaded files, made by hand."""
    made = Loaded(ingestion_base.settings)
    yield made
    made.close()
