"""A hot standby has no exact list of running transactions and takes no mark: it is refused as the source of a cut."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.model.measure import Facts, RowCount
from pipeline_checks.stages.postgres import PostgresTable, open_stage
from pipeline_checks.stages.postgres_cut import open_cut

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def standby(base_stack: Any) -> Iterator[str]:
    """The URL of a standby of the stack's server, which is stopped and removed afterwards."""
    primary, server = setting("POSTGRES_URL"), psutil.Process(base_stack.state("postgres").pid)
    programs = Path(server.exe()).parent
    owner = server.uids().effective
    identity: dict[str, Any] = {} if owner == os.getuid() else {"user": owner, "group": server.gids().effective}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pipeline_checks_standby_") as folder:
        data = Path(folder) / "data"
        os.chown(folder, owner, -1)
        copy = [programs / "pg_basebackup", "-d", primary, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        subprocess.run(copy, check=True, cwd=folder, capture_output=True, **identity)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"\nport = {port}\nunix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n")
        with (Path(folder) / "log").open("wb") as log:
            running = subprocess.Popen(
                [programs / "postgres", "-D", data], stdout=log, stderr=log, cwd=folder, **identity
            )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            assert Deadline(60).wait_until(lambda: _answers(url)), (Path(folder) / "log").read_text()
            yield url
        finally:
            running.terminate()
            running.send_signal(2)
            running.wait(30)


def _answers(url: str) -> bool:
    try:
        connect(url).close()
    except PipelineChecksError:
        return False
    return True


def test_a_cut_of_a_hot_standby_is_refused_with_the_reason(standby: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hot standby.*primary"):
        open_cut(standby)


def test_a_table_of_a_hot_standby_can_be_read_by_itself(standby: str) -> None:
    with connect(setting("POSTGRES_URL")) as primary:
        primary.execute("DROP TABLE IF EXISTS of_the_primary")
        primary.execute("CREATE TABLE of_the_primary AS SELECT 1 AS id")
    declared = PostgresTable(name="pg", connection={"url": standby}, table="public.of_the_primary")  # type: ignore[arg-type]

    def rows() -> int | None:
        stage = open_stage(declared)
        try:
            return stage.at(stage.reached().position).answer(frozenset({RowCount()}))[RowCount()].value  # type: ignore[no-any-return]
        except PipelineChecksError:
            return None
        finally:
            stage.close()

    assert Deadline(30).wait_until(rows) == 1
    stage = open_stage(declared)
    facts = stage.at(stage.reached().position).answer(frozenset({Facts("slots")}))
    assert isinstance(facts[Facts("slots")].value, list)
    stage.close()
    with connect(setting("POSTGRES_URL")) as primary:
        primary.execute("DROP TABLE of_the_primary")
