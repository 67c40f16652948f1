"""Rows of the source for the flow's tests, and a writer that goes on while services are killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from deltalake import DeltaTable

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.cdc.seed import is_empty, seed


def filled(rows: int = 100) -> None:
    """See that the source holds rows."""
    if is_empty():
        seed(rows)


@contextmanager
def source() -> Iterator[psycopg.Connection[Any]]:
    """A connection whose statements are each a transaction."""
    with connect(setting("CDC_POSTGRES_URL")) as connection:
        yield connection


def insert_customer(connection: psycopg.Connection[Any], mail: str, address: str = "here") -> int:
    """Insert a customer and return the key."""
    row = connection.execute(
        "INSERT INTO customers (first_name, last_name, email, address) VALUES ('Flow', 'Test', %s, %s) "
        "RETURNING customer_id",
        (mail, address),
    ).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def load(name: str) -> Iterator[list[int]]:
    """Insert, update and delete customers and movements of stock from a thread; yields the number done so far."""
    done, stop = [0], threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            try:
                with source() as connection:
                    product = connection.execute("SELECT min(product_id) FROM products").fetchone()
                    assert product is not None
                    while not stop.wait(0.005):
                        number += 1
                        with connection.transaction():
                            key = insert_customer(connection, f"{name}.{number}@load.example.com")
                            connection.execute("UPDATE customers SET city = 'Load' WHERE customer_id = %s", (key,))
                            if number % 3 == 0:
                                connection.execute("DELETE FROM customers WHERE customer_id = %s", (key,))
                            connection.execute(
                                "INSERT INTO inventory (product_id, transaction_type, quantity, previous_quantity, "
                                "new_quantity) VALUES (%s, 'IN', 1, %s, %s)",
                                (product[0], number, number + 1),
                            )
                        done[0] += 1
            except (psycopg.Error, PipelineChecksError):
                stop.wait(0.1)  # the server was killed: come back

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(30)


def mover_pid() -> int | None:
    """The mover's process by its health endpoint, None while that does not answer."""
    with suppress(httpx.HTTPError):
        return int(httpx.get(f"{setting('CDC_MOVER_URL')}/health", timeout=2).json()["pid"])
    return None


def mover_is_ready(other_than: int | None = None) -> bool:
    """Whether a mover, of another process than the one given, moves data."""
    with suppress(httpx.HTTPError):
        answer = httpx.get(f"{setting('CDC_MOVER_URL')}/health", timeout=2)
        return answer.status_code == 200 and answer.json()["pid"] != other_than
    return False


def kill_mover() -> int:
    """Kill the mover and its JVM at once; both have gone when this returns. Returns the pid it had."""
    pid = mover_pid()
    assert pid is not None
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, 10)
    return pid


def kill(pid: int) -> None:
    """Kill one process with SIGKILL."""
    os.kill(pid, signal.SIGKILL)


def delta_version(name: str) -> int:
    """The newest version of a Delta table of the flow."""
    return DeltaTable(f"{setting('DELTA_TABLE_PATH')}/{name}").version()


def wait_for_commit(name: str, beyond: int, seconds: float = 60) -> None:
    """Wait until the Delta table has a version beyond the given one; looks every few milliseconds."""
    log = Path(setting("DELTA_TABLE_PATH")) / name / "_delta_log" / f"{beyond + 1:020d}.json"
    deadline = Deadline(seconds)
    while not deadline.passed:
        if Deadline(0.05).wait_until(log.exists, every=0.002):
            return
    raise AssertionError(f"no commit to {name} beyond version {beyond}")
