"""Kafka, a trained model and topics of a test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline_checks.pipelines.churn.flow.names import GROUP
from pipeline_checks.pipelines.churn.flow.topics import create, declared, delete
from pipeline_checks.pipelines.churn.prepare import prepare_model
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics
from pipeline_checks_tests.conftest import RunningStack

BROKER_VARIABLE = "PIPELINE_CHECKS_TEST_BROKER"
"""A broker to test against, instead of one that the tests start."""


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> str:
    """The bootstrap servers of a Kafka that the tests may write to."""
    given = os.environ.get(BROKER_VARIABLE)
    if given:
        return given
    from pipeline_checks.stack.embedded import EmbeddedProvider
    from pipeline_checks.stack.services.kafka import kafka

    home: Path = request.getfixturevalue("stack_home")
    running = RunningStack(home, EmbeddedProvider(home))
    running.up([kafka()])
    return running.settings["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model."""
    path = tmp_path_factory.mktemp("model") / "sklearn_pipeline.joblib"
    prepare_model(path)
    return path


@pytest.fixture
def make_topics(broker: str) -> Iterator[Callable[[], Topics]]:
    """Make topics and a group of names that nobody else has, as often as asked; they are removed afterwards."""
    made: list[str] = []

    def make() -> Topics:
        suffix = f".test.{uuid4().hex[:8]}"
        create(broker, declared(suffix, "test"))
        made.append(suffix)
        raw, predictions, dead_letters = (t.name for t in declared(suffix))
        return Topics(broker, raw, predictions, dead_letters, f"{GROUP}{suffix}", suffix)

    yield make
    for suffix in made:
        delete(broker, declared(suffix))


@pytest.fixture
def topics(make_topics: Callable[[], Topics]) -> Topics:
    """Three topics and a group of the test's own."""
    return make_topics()


@pytest.fixture
def programs(model_path: Path, tmp_path: Path) -> Iterator[Programs]:
    """Producers and consumers as processes; those that a test leaves running are killed behind it."""
    started = Programs(model_path, tmp_path)
    yield started
    started.kill_all()
