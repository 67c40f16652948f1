"""The services of the ingestion pipeline on the session's stack, and a place of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_checks.clients import spark_connect
from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Api, Place, store_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PROGRAMS = {"ingestion_api", "ingestion_worker"}


@pytest.fixture(scope="package")
def ingestion_base(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """Postgres with the service's tables, the object store with its buckets, and Spark; none of the programs.

    What is the pipeline's own ends with the tests, the object store with it: no other package needs it.
    """
    from pipeline_checks.pipelines.ingestion.services import services

    home = request.getfixturevalue("stack_home")
    running = RunningStack(home, EmbeddedProvider(home))
    running.up([s for s in services() if s.name not in _PROGRAMS])
    yield running
    running.provider.stop([s for s in services() if s.name != "postgres"])


@pytest.fixture(scope="package")
def ingestion_stack(ingestion_base: RunningStack) -> RunningStack:
    """The whole pipeline as a user has it: the API and the worker are services."""
    from pipeline_checks.pipelines.ingestion.services import services

    ingestion_base.up(services())
    return ingestion_base


@pytest.fixture
def place(ingestion_base: RunningStack) -> Place:
    """A prefix and a table of the test's own."""
    return Place(ingestion_base.settings)


@pytest.fixture
def make_api(ingestion_stack: RunningStack) -> Iterator[Callable[..., Api]]:
    """Make ingestions by declaration."""
    with ExitStack() as made:

        def make(declaration: dict[str, Any]) -> Api:
            api = Api(ingestion_stack.settings, declaration)
            made.callback(api.http.close)
            return api

        yield make


@pytest.fixture
def api(make_api: Callable[..., Api], place: Place) -> Api:
    """The ingestion of the test's own place."""
    return make_api(place.declaration())


@pytest.fixture(scope="package")
def engine(ingestion_base: RunningStack) -> Iterator[Engine]:
    """An engine of the tests' own, to look at tables."""
    settings = ingestion_base.settings
    warehouses = {CATALOG: settings["INGESTION_WAREHOUSE"]}
    with Engine(settings["INGESTION_SPARK_CONNECT_URL"], store_of(settings), warehouses) as opened:
        yield opened


@pytest.fixture(scope="package")
def spark(ingestion_base: RunningStack) -> Iterator[SparkSession]:
    """A session of the tests' own, to read tables."""
    session = spark_connect.connect(ingestion_base.settings["INGESTION_SPARK_CONNECT_URL"])
    yield session
    spark_connect.close(session)
