"""Postgres with the service's tables and the object store, without Spark, API and worker; loads of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.verified.loaded import Loaded

_NEEDED = {"postgres", "object_store", "ingestion_databases", "ingestion_prepare"}


@pytest.fixture(scope="package")
def loads_stack(request: pytest.FixtureRequest) -> RunningStack:
    """The services that keep something."""
    from pipeline_checks.pipelines.ingestion.services import services

    home = request.getfixturevalue("stack_home")
    running = RunningStack(home, EmbeddedProvider(home))
    running.up([s for s in services() if s.name in _NEEDED])
    return running


@pytest.fixture
def loaded(loads_stack: RunningStack) -> Iterator[Loaded]:
    """An ingestion of the test's own."""
    made = Loaded(loads_stack.settings)
    yield made
    made.close()
