"""A Postgres server of its own for sources in all their oddities, and a hot standby of it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.clock import Deadline
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.standby import answers, catch_up, paused, standby_of

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def _postgres_alone() -> Iterator[RunningStack]:
    home = Path(tempfile.mkdtemp(prefix=f"pipeline_checks_tests-{os.getpid()}-"))
    running = RunningStack(home, EmbeddedProvider(home))
    try:
        running.up([postgres()])
        yield running
    finally:
        running.provider.down(purge=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[RunningStack]:
    """Postgres alone, in a home of its own."""
    with _postgres_alone() as running:
        yield running


@pytest.fixture(scope="session")
def server(postgres_home: RunningStack) -> str:
    """The URL of the server."""
    return postgres_home.settings["POSTGRES_URL"]


@pytest.fixture(autouse=True)
def ledger_there(postgres_home: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions keep their ledger in the server's home."""
    monkeypatch.setenv(HOME_VARIABLE, str(postgres_home.home))


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The URL of a database that the test has for itself."""
    name = f"sources_{uuid4().hex[:10]}"
    with connect(server) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield server.rpartition("/")[0] + f"/{name}"
    with connect(server) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(url: str) -> Iterator[Connection]:
    """A connection to that database."""
    with connect(url) as connection:
        yield connection


@pytest.fixture(scope="session")
def standby_server(postgres_home: RunningStack, server: str) -> Iterator[str]:
    """The URL of a hot standby of the server: a streaming replica."""
    with standby_of(postgres_home, server) as replica:
        yield replica


@pytest.fixture
def standby(standby_server: str, url: str) -> str:
    """The URL of the test's database at the standby."""
    mine = standby_server.rpartition("/")[0] + "/" + url.rpartition("/")[2]
    assert Deadline(30).wait_until(lambda: answers(mine))
    return mine


@pytest.fixture
def caught_up(url: str, standby: str) -> Callable[[], None]:
    """Wait until the standby has replayed everything written so far."""
    return lambda: catch_up(url, standby)


@pytest.fixture
def replay_paused(standby: str) -> Callable[[], Any]:
    """A context in which the standby replays nothing."""
    return lambda: paused(standby)


@pytest.fixture
def committing() -> Callable[[str, str], Any]:
    """A context in which another connection executes a statement again and again, each in a transaction."""

    @contextmanager
    def writing(url: str, statement: str) -> Iterator[None]:
        ended, started = threading.Event(), threading.Event()

        def write() -> None:
            with connect(url) as connection:
                while not ended.is_set():
                    connection.execute(statement)
                    started.set()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert started.wait(10)
            yield
        finally:
            ended.set()
            thread.join()

    return writing


@pytest.fixture
def other_stack() -> Iterator[RunningStack]:
    """Another server, which has nothing to do with the first and which the test may stop."""
    with _postgres_alone() as running:
        yield running


@pytest.fixture
def other_server(other_stack: RunningStack) -> str:
    """The URL of that server."""
    return other_stack.settings["POSTGRES_URL"]
