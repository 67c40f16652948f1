"""Warehouses on the session's Postgres, and dbt that has read the project once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.pipelines.sales.flow.transforming.commands import Dbt
from pipeline_checks.pipelines.sales.flow.transforming.transform import Transformation
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks_tests.sales.dbt.warehouse import Warehouse


@pytest.fixture(scope="package")
def server(stack_home: Path) -> str:
    """The URL of a Postgres, without a database."""
    provider = EmbeddedProvider(stack_home)
    provider.up([postgres()], lambda progress: None)
    return read_env(provider.home)["POSTGRES_URL"].rpartition("/")[0]


@pytest.fixture(scope="module")
def make_warehouse(server: str) -> Iterator[Callable[[], Warehouse]]:
    """Make databases with empty raw tables; they are removed afterwards."""
    made: list[str] = []

    def make() -> Warehouse:
        made.append(f"sales_{uuid.uuid4().hex[:12]}")
        with connect(f"{server}/postgres") as connection:
            connection.execute(f"CREATE DATABASE {made[-1]}")  # type: ignore[arg-type] - a name of our own
        warehouse = Warehouse(f"{server}/{made[-1]}")
        warehouse.prepare()
        return warehouse

    yield make
    with connect(f"{server}/postgres") as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def warehouse(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """One database for the tests of a module."""
    return make_warehouse()


@pytest.fixture(scope="package")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt writes; what it has parsed there it need not parse again."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def transformation(warehouse: Warehouse, dbt_folder: Path) -> Iterator[Transformation]:
    """dbt on the module's database; the variables by which it finds it are taken back."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("HOST", "PORT", "USER", "DATABASE"):
            environment.setenv(f"SALES_DBT_{name}", "")
        yield Transformation(warehouse.url, Dbt(warehouse.url, dbt_folder))
