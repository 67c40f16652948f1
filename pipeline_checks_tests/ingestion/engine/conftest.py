"""An ingestion of each test's own, without its service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Place
from pipeline_checks_tests.ingestion.engine.loading import Loading

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def loading(place: Place, engine: Engine, spark: SparkSession) -> Loading:
    """A prefix and a table that nobody else has."""
    return Loading(place, engine, spark)


@pytest.fixture(scope="module")
def loaded(ingestion_base: RunningStack, engine: Engine, spark: SparkSession) -> Loading:
    """The same for the tests of one module together."""
    return Loading(Place(ingestion_base.settings), engine, spark)
