"""Waiting until everything that is committed in the source has arrived: by positions, never by time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from deltalake import DeltaTable
from pyiceberg.exceptions import RESTError
from sqlalchemy.exc import SQLAlchemyError

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.cdc.topics import TopicReader
from pipeline_checks_tests.cdc.truth import KEYS, TABLES, source
from pipeline_checks_tests.stack.lake_truth import iceberg_catalog

T = TypeVar("T")
Topics = Mapping[str, TopicReader]
CONNECTOR = "postgres-cdc-connector"
_AWAY = (psycopg.OperationalError, httpx.HTTPError, SQLAlchemyError, RESTError, OSError, KeyError, ValueError)
"""What reading says while a service is away or starting."""


def topic_readers() -> Topics:
    """A reader of each captured table's topic."""
    return {table: TopicReader(table, key) for table, key in KEYS.items()}


def settle(topics: Topics, tables: Iterable[str] = TABLES, seconds: float = 90) -> float:
    """Wait until all four lake tables of each table cover what is committed now; returns the seconds that took.

    First the connector commits a position behind a mark written now; then the topics are read to their ends, and what
    in them lies before the mark must be covered. What is written meanwhile is not waited for.
    """
    deadline = Deadline(seconds)
    mark = published(deadline)
    for table in tables:
        assert _patiently(deadline, lambda table=table: topics[table].read() is None), f"{table} could not be read"  # type: ignore[misc]
    for table in tables:
        ends = topics[table].ends(before=mark)
        for name in (table, f"{table}_changes"):
            for lake, covers in COVERS.items():
                wait_covered(lambda name=name, covers=covers: covers(name), table, ends, deadline, f"{lake} {name}")  # type: ignore[misc]
    return deadline.elapsed


def wait_covered(
    covers: Callable[[], Mapping[str, Mapping[str, int]]],
    table: str,
    ends: Mapping[int, int],
    deadline: Deadline,
    what: str,
) -> None:
    """Wait until ``covers`` names offsets at or behind ``ends`` for the table's topic."""
    said: Mapping[str, int] = {}

    def reached() -> bool:
        nonlocal said
        said = covers().get(f"debezium.public.{table}", {})
        return all(said.get(str(p), 0) >= end for p, end in ends.items())

    assert _patiently(deadline, reached), f"{what} covers {dict(said)}, not {dict(ends)}, after {deadline.seconds} s"


def published(deadline: Deadline) -> int:
    """Wait until the connector has committed a position behind a mark written now, and return the mark's LSN."""
    lsn = _patiently(deadline, _mark)
    assert lsn is not None, "no mark could be written"
    passed = _patiently(deadline, lambda: connector_lsn() >= lsn)
    assert passed, f"the connector did not pass {lsn}: {_connector_told()}"
    return lsn


def connector_lsn() -> int:
    """The position in the log of Postgres that the connector has committed."""
    answer = httpx.get(f"{setting('CONNECT_URL')}/connectors/{CONNECTOR}/offsets", timeout=5)
    return int(answer.raise_for_status().json()["offsets"][0]["offset"]["lsn"])


def _connector_told() -> str:
    """What Connect and Postgres say of the connector, for whoever reads of a failure."""
    told = []
    for what in ("status", "offsets"):
        try:
            told.append(httpx.get(f"{setting('CONNECT_URL')}/connectors/{CONNECTOR}/{what}", timeout=5).text)
        except _AWAY as problem:
            told.append(f"{what}: {problem!r}")
    with source() as connection:
        told += [str(row) for row in connection.execute("SELECT * FROM pg_replication_slots").fetchall()]
    return "; ".join(told)


def _mark() -> int:
    with source() as connection:
        found = connection.execute("SELECT pg_logical_emit_message(true, 'test', 'mark') - '0/0'::pg_lsn").fetchone()
    assert found is not None
    return int(found[0])


def _patiently(deadline: Deadline, probe: Callable[[], T]) -> T | None:
    """Wait until the probe gives something, whatever services are away meanwhile."""

    def attempt() -> T | None:
        try:
            return probe()
        except _AWAY:
            return None

    return deadline.wait_until(attempt)


def delta_path(name: str) -> Path:
    """The folder of a Delta table."""
    return Path(setting("DELTA_TABLE_PATH")) / name


def delta_covers(name: str) -> dict[str, dict[str, int]]:
    """Topic to partition to next offset, by the newest commit of a Delta table that says so."""
    return next((c["covers"] for c in delta_commits(name, 50) if c["covers"]), {})


def delta_commits(name: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Commits of a Delta table, newest first, with ``covers`` and ``at`` in milliseconds."""
    history = DeltaTable(str(delta_path(name))).history(limit)
    said = [json.loads(commit.get("userMetadata") or "{}") for commit in history]
    return [
        {"at": c["timestamp"], "covers": s.get("covers", {}), "maintenance": s.get("maintenance")}
        for c, s in zip(history, said, strict=True)
    ]


def iceberg_covers(name: str) -> dict[str, dict[str, int]]:
    """Topic to partition to next offset, by the newest snapshot of an Iceberg table that says so."""
    return next((c["covers"] for c in iceberg_commits(name) if c["covers"]), {})


def iceberg_commits(name: str) -> list[dict[str, Any]]:
    """Snapshots of an Iceberg table, newest first, with ``covers`` and ``at`` in milliseconds."""
    snapshots = iceberg_catalog().load_table(f"cdc.{name}").metadata.snapshots
    ordered = sorted(snapshots, key=lambda s: s.sequence_number or 0, reverse=True)
    return [
        {
            "at": s.timestamp_ms,
            "covers": json.loads(s.summary.additional_properties.get("covers", "{}")) if s.summary else {},
            "maintenance": s.summary.additional_properties.get("maintenance") if s.summary else None,
        }
        for s in ordered
    ]


COVERS = {"delta": delta_covers, "iceberg": iceberg_covers}
COMMITS: dict[str, Callable[[str], list[dict[str, Any]]]] = {"delta": delta_commits, "iceberg": iceberg_commits}
