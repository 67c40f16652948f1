"""Transaction ids beyond 32 bits: log and rows carry the low 32 bits only, and the cut knows which are meant."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks_tests.conftest import RunningStack

pytestmark = pytest.mark.stack

Connection = psycopg.Connection[tuple[Any, ...]]
NEXT = 2**32 - 20
_SEGMENT, _SEGMENT_BYTES = f"{NEXT // (32 * 8192 * 4):04X}", 32 * 8192
"""The file of ``pg_xact`` in which the state of that transaction stands."""


def _wind_on(running: RunningStack) -> None:
    """Let the server go on with an id shortly before 32 bits are used up."""
    url = running.settings["POSTGRES_URL"]
    for database in ("postgres", "template1"):
        with connect(url.rpartition("/")[0] + f"/{database}") as connection:
            connection.execute("VACUUM FREEZE")
    with connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        data = Path(row[0])
    process = psutil.Process(running.state("postgres").pid or 0)
    program, owner, group = (
        Path(process.exe()).parent / "pg_resetwal",
        process.uids().effective,
        process.gids().effective,
    )
    identity: dict[str, Any] = {} if owner == os.getuid() else {"user": owner, "group": group}
    running.provider.down(purge=False)
    segment = data / "pg_xact" / _SEGMENT
    segment.write_bytes(bytes(_SEGMENT_BYTES))
    os.chown(segment, owner, group)
    options = ("-x", str(NEXT), "-u", str(NEXT - 1000), str(data))
    subprocess.run([program, *options], check=True, cwd=data, capture_output=True, **identity)
    running.up([postgres()])


def test_the_cut_tells_transactions_apart_while_their_ids_wrap_around(other_stack: RunningStack) -> None:
    with connect(other_stack.settings["POSTGRES_URL"]) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY)")
    _wind_on(other_stack)
    url = other_stack.settings["POSTGRES_URL"]
    declared = PostgresTable.model_validate({"name": "s", "connection": {"url": url}, "table": "public.items"})
    full: dict[int, int] = {}

    def insert(connection: Connection, key: int) -> None:
        connection.execute("INSERT INTO items VALUES (%s)", (key,))
        row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        assert row is not None
        full[key] = int(row[0])

    with connect(url, autocommit=False) as running, connect(url) as writer:
        insert(running, 1000)
        for key in range(40):
            with writer.transaction():
                insert(writer, key)
            if key % 8 == 7:
                cut = open_cut(url)
                try:
                    shown = set(cut.table(declared).rows().read_all().column("id").to_pylist())
                    low = {k: xid & 0xFFFFFFFF for k, xid in full.items()}
                    assert {k for k in full if cut.cut.contains(low[k])} == shown == set(range(key + 1))
                    assert {k for k in full if cut.cut.contains(full[k])} == shown
                finally:
                    cut.close()
        running.commit()
    assert full[1000] < 2**32 < full[39], "some before, some behind"
    with connect(url) as connection:
        rows = connection.execute("SELECT id, xmin::text FROM items").fetchall()
    assert {k: int(x) for k, x in rows} == {k: xid & 0xFFFFFFFF for k, xid in full.items()}
