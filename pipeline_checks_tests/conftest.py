"""Fixtures of the whole suite: a stack of its own, brought up once and taken down at the end.

With ``SKIP_PIPELINE_MANAGEMENT`` the tests use the stack that is up already, or the services that the environment
names, and neither start nor stop any; one that is missing is an error.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from pipeline_checks.clients.settings import HOME_VARIABLE, home
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.external import ExternalProvider
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.status import Progress, ServiceState
from pipeline_checks.testing.modes import SKIP_VARIABLE

settings.register_profile("no_deadline", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("no_deadline")

MANAGED = not os.environ.get(SKIP_VARIABLE)
"""Whether the session's stack is started and stopped here."""
_PREFIX = "pipeline_checks_tests-"
_NEED_STACK = {"base_stack", "stack", "own_home", "module_home", "market_base", "ingestion_base"}
OURS = (
    *("POSTGRES_URL", "CDC_POSTGRES_URL", "KAFKA_BOOTSTRAP_SERVERS", "CONNECT_URL", "DELTA_TABLE_PATH"),
    *("KAFKA_RELAY", "KAFKA_RELAYED"),
    *("ICEBERG_CATALOG_URL", "ICEBERG_WAREHOUSE", "CHECKPOINT_LOCATION", "CDC_API_URL", "CDC_API_PORT"),
    *("CDC_MOVER_URL", "CDC_MOVER_PORT", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    *("PIPELINE_CHECKS_JAVA", "PIPELINE_CHECKS_SPARK_JARS", "PIPELINE_CHECKS_PROVIDER"),
    *("CHURN_DATASET_PATH", "CHURN_MODEL_PATH", "CHURN_CONSUMER_METRICS_URL"),
    *("MARKET_EXCHANGE_WS_URL", "MARKET_EXCHANGE_URL", "MARKET_SCHEMA_REGISTRY_URL", "MARKET_API_URL"),
    *("MARKET_API_KEY", "MARKET_ICEBERG_CATALOG_URL", "MARKET_ICEBERG_WAREHOUSE", "MARKET_STREAM_METRICS_URL"),
    *("MARKET_WRITER_METRICS_URL", "MARKET_GAP_REPAIR", "MARKET_API_RATE_LIMIT"),
    *("INGESTION_API_URL", "INGESTION_API_TOKEN", "INGESTION_DATABASE_URL", "INGESTION_SPARK_CONNECT_URL"),
    *("INGESTION_SOURCE_BUCKET", "INGESTION_WAREHOUSE", "INGESTION_WORKER_METRICS_URL", "INGESTION_ENCRYPTION_KEY"),
    *("INGESTION_LEASE_SECONDS", "INGESTION_SCHEDULER_CHECK_INTERVAL"),
    *("SALES_WAREHOUSE_URL", "SALES_INPUT_PATH", "SALES_REFERENCE_PATH", "SALES_DELTA_PATH", "SALES_CHECKPOINT_PATH"),
    *("SALES_ETL_METRICS_URL", "SALES_LOADER_METRICS_URL", "SALES_DBT_METRICS_URL", "SALES_DBT_TARGET", "SALES_CONFIG"),
)
"""Variables by which a developer's environment would lead the tests to other services than their own."""


@dataclass(frozen=True)
class RunningStack:
    """The stack that the tests use; ``up`` brings more services up in it, or the same ones again after a kill."""

    home: Path
    provider: EmbeddedProvider

    def up(self, services: list[Service]) -> list[ServiceState]:
        """Bring services up and tell the time that each took."""
        return self.provider.up(services, _tell)

    def require(self, services: list[Service]) -> None:
        """Bring services up; those of somebody else must be."""
        (self.provider if MANAGED else ExternalProvider()).up(services, _tell)

    @property
    def settings(self) -> dict[str, str]:
        """What stands in ``stack.env``."""
        return read_env(self.provider.home)

    def state(self, name: str) -> ServiceState:
        """Return the state of one service as it is now."""
        return next(s for s in self.provider.status() if s.name == name)


def _tell(progress: Progress) -> None:
    if progress.what != "fetching":
        print(f"stack: {progress}", flush=True)  # noqa: T201 - shown with the output of the first test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses a running service, and bring the tests into the order of what they need."""
    for item in items:
        if _NEED_STACK & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """Return when a test runs: the more services of the session's stack run beside a test, the slower it is.

    What damages that stack for good comes behind everything that needs it whole.
    """
    if item.get_closest_marker("leaves_damage") is not None:
        return 4
    needs = set(getattr(item, "fixturenames", ()))
    if "stack" in needs:
        return 3
    if needs & {"base_stack", "stack_home"}:
        return 2
    return int(bool(needs & _NEED_STACK))


@pytest.fixture(scope="session")
def stack_home() -> Iterator[Path]:
    """Return the home of the session's stack, never a developer's; what a killed session left is taken down first."""
    if not MANAGED:
        yield home()
        return
    _take_down_abandoned()
    own = _new_home()
    before = {name: os.environ.pop(name) for name in OURS if name in os.environ}
    hidden = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(own)
    try:
        yield own
    finally:
        try:
            _remove(own)
        finally:
            os.environ.pop(HOME_VARIABLE)
            os.environ.update(before | ({HOME_VARIABLE: hidden} if hidden else {}))


@pytest.fixture(scope="session")
def base_stack(stack_home: Path) -> RunningStack:
    """Return a stack with Postgres, Kafka and Connect, and nothing of a pipeline."""
    from pipeline_checks.stack.services.connect import connect
    from pipeline_checks.stack.services.kafka import kafka
    from pipeline_checks.stack.services.postgres import postgres

    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.require([postgres(), kafka(), connect()])
    return running


@pytest.fixture(scope="session")
def stack(base_stack: RunningStack) -> RunningStack:
    """Return the stack with everything that the pipeline ``cdc`` runs on, its mover and API included."""
    from pipeline_checks.pipelines.cdc.services import services

    base_stack.require(services())
    return base_stack


@pytest.fixture
def own_home() -> Iterator[Path]:
    """Return a home for a stack that one test may kill and break; it is taken down and removed afterwards."""
    own = _new_home()
    try:
        yield own
    finally:
        _remove(own)


@pytest.fixture(scope="module")
def module_home() -> Iterator[Path]:
    """Return a home for a stack that the tests of one module share and may kill and break."""
    own = _new_home()
    try:
        yield own
    finally:
        _remove(own)


def _new_home() -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _remove(folder: Path) -> None:
    EmbeddedProvider(folder).down(purge=True)
    shutil.rmtree(folder, ignore_errors=True)


def _take_down_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if folder.stat().st_uid == os.getuid() and pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove(folder)
