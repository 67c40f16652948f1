"""Rows of the source for the flow's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
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
