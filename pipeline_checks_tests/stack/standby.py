"""A hot standby of a stack's Postgres: a streaming replica made from a base backup."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks_tests.conftest import RunningStack


@contextmanager
def standby_of(running: RunningStack, server: str) -> Iterator[str]:
    """Yield the URL of a standby of ``server``, the stack's; it is stopped and removed afterwards."""
    process = psutil.Process(running.state("postgres").pid or 0)
    programs, owner = Path(process.exe()).parent, process.uids().effective
    identity: dict[str, Any] = {} if owner == os.getuid() else {"user": owner, "group": process.gids().effective}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pipeline_checks_standby_") as folder:
        data = Path(folder) / "data"
        os.chown(folder, owner, -1)
        options = ("-d", server, "-D", str(data), "-R", "-X", "stream", "-c", "fast", "--no-sync")
        subprocess.run([programs / "pg_basebackup", *options], check=True, cwd=folder, capture_output=True, **identity)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"\nport = {port}\nunix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n")
        with (Path(folder) / "log").open("wb") as log:
            replica = subprocess.Popen(
                [programs / "postgres", "-D", data], stdout=log, stderr=log, cwd=folder, **identity
            )
        url = f"postgresql://postgres@127.0.0.1:{port}/{server.rpartition('/')[2]}"
        try:
            assert Deadline(60).wait_until(lambda: answers(url)), (Path(folder) / "log").read_text()
            yield url
        finally:
            replica.send_signal(2)  # fast: TERM would wait until every client has gone
            replica.wait(30)


def answers(url: str) -> bool:
    """Whether a server lets us in."""
    try:
        connect(url).close()
    except PipelineChecksError:
        return False
    return True


def catch_up(url: str, standby: str) -> None:
    """Wait until a standby has replayed everything written so far."""
    with connect(url) as primary, connect(standby) as replica:
        lsn = primary.execute("SELECT pg_logical_emit_message(true, 'tests', 'x')::text").fetchone()

        def replayed() -> bool:
            row = replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn).fetchone()
            return row is not None and bool(row[0])

        assert Deadline(30).wait_until(replayed)


@contextmanager
def paused(standby: str) -> Iterator[None]:
    """Let a standby replay nothing."""
    with connect(standby) as replica:
        replica.execute("SELECT pg_wal_replay_pause()")
        told = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        assert Deadline(30).wait_until(lambda: replica.execute(told).fetchone() == (True,))
        try:
            yield
        finally:
            replica.execute("SELECT pg_wal_replay_resume()")
