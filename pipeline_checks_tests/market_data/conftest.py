"""The services of the market data pipeline on the session's stack, and a flow of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.market_data.flow import Flow

_SHARED = {"postgres", "kafka", "market_databases", "market_registry"}


@pytest.fixture(scope="package")
def market_base(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """Kafka, Postgres and the schema registry, none of the pipeline's programs; what is its own ends with the tests."""
    from pipeline_checks.pipelines.market_data.services import services
    from pipeline_checks.pipelines.parts import own_services_of
    from pipeline_checks.verification.discovery import load_pipeline, load_pipelines

    home = request.getfixturevalue("stack_home")
    running = RunningStack(home, EmbeddedProvider(home))
    running.up([s for s in services() if s.name in _SHARED])
    yield running
    running.provider.stop(own_services_of(load_pipeline("market_data"), load_pipelines()))


@pytest.fixture(scope="package")
def market_stack(market_base: RunningStack) -> RunningStack:
    """The whole pipeline as a user has it: exchange, client, writer and API are services."""
    from pipeline_checks.pipelines.market_data.services import services

    market_base.up(services())
    return market_base


@pytest.fixture
def make_flow(market_base: RunningStack) -> Iterator[Callable[..., Flow]]:
    """Make flows of names that nobody else has; their topics are removed afterwards."""
    made: list[Flow] = []

    def make(partitions: int = 3) -> Flow:
        warehouse = (market_base.home / "lake" / "market").as_uri()
        made.append(Flow.make({"MARKET_ICEBERG_WAREHOUSE": warehouse, **market_base.settings}, partitions))
        return made[-1]

    yield make
    for flow in made:
        flow.remove()


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    """A flow of the test's own."""
    return make_flow()
