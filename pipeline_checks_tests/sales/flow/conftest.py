"""Kafka and Postgres of the session's stack, and places of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline_checks.stack import archives
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.jars.fetching import fetch
from pipeline_checks.stack.jars.lists import jar_list
from pipeline_checks.stack.java import find_java
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks_tests.sales.flow.place import Place


@pytest.fixture(scope="package")
def base(stack_home: Path) -> dict[str, str]:
    """The settings of a stack with Kafka and Postgres."""
    provider = EmbeddedProvider(stack_home)
    provider.up([postgres(), kafka()], lambda progress: None)
    return dict(read_env(provider.home))


@pytest.fixture(scope="package")
def spark() -> dict[str, str]:
    """The environment of a program that starts Spark."""
    jars, java = jar_list("spark"), find_java()
    fetch([jars])
    # The archive of classes that another JVM left, where there is one: making another takes longer than it saves.
    archive = archives.archive_path(java, archives.SPARK, archives.spark_classpath(jars.paths))
    flags = [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"] if archive.exists() else []
    return {
        "PIPELINE_CHECKS_JAVA": str(java.binary),
        "PIPELINE_CHECKS_SPARK_JARS": str(jars.folder),
        "PIPELINE_CHECKS_SPARK_JVM_FLAGS": " ".join(("-Xshare:auto", *flags)),
        "SPARK_DRIVER_MEMORY": "600m",
        "SALES_ETL_FAST_START": "1",
    }


@pytest.fixture(scope="module")
def make_place(
    base: dict[str, str], spark: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Place]]:
    """Make places; their topics and databases are removed afterwards."""
    made: list[Place] = []

    def make() -> Place:
        made.append(Place.make(base, tmp_path_factory.mktemp("sales"), spark))
        return made[-1]

    yield make
    for place in made:
        place.remove()


@pytest.fixture
def place(make_place: Callable[[], Place]) -> Place:
    """A place of the test's own."""
    return make_place()
