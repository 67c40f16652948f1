"""Freshness by the time of the data: every stage has the source's newest, an idle source makes no one late."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_checks_tests.cdc.commands import check, findings, not_passed
from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.truth import KEYS, source

pytestmark = pytest.mark.e2e

STAGES = ("pg", "topic", "delta", "iceberg", "api")
OF_CUSTOMERS = tuple(f"cdc.{kind}_customers" for kind in STAGES)
EVENT_TIMES = {
    table: {"order_items": "created_at", "inventory": "transaction_date"}.get(table, "updated_at") for table in KEYS
}


def freshness(*targets: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Return exit code, document, and the measures of freshness by stage."""
    code, document = check(*targets, "--only", "freshness")
    return code, document, {c["stage"]: c["measures"] for c in document["checks"]}


@pytest.fixture(scope="module")
def inserted(topics: Topics) -> Iterator[int]:
    """The key of a customer inserted now; the row is gone behind the tests."""
    with source() as connection:
        row = connection.execute(
            "INSERT INTO customers (first_name, last_name, email) VALUES ('Fresh', 'Now', %s) RETURNING customer_id",
            (f"fresh.{secrets.token_hex(6)}@example.com",),
        ).fetchone()
    assert row is not None
    settle(topics, ["customers"])
    yield int(row[0])
    with source() as connection:
        connection.execute("DELETE FROM customers WHERE customer_id = %s", row)


@pytest.mark.parametrize("table", KEYS)
def test_every_stage_of_a_table_holds_the_newest_time_of_the_source(table: str, inserted: int) -> None:
    with source() as connection:
        newest = connection.execute(f"SELECT max({EVENT_TIMES[table]}) FROM {table}").fetchone()
    assert newest is not None and newest[0] is not None
    targets = [f"cdc.{kind}_{table}" for kind in ("pg", "delta", "iceberg")]
    code, document, measures = freshness(*targets)
    assert code == 0, not_passed(document)
    for stage, said in measures.items():
        assert datetime.fromisoformat(said["newest_event_time"]) == newest[0].replace(tzinfo=UTC), stage
    assert all(c["looked_at"]["rows"] > 0 for c in document["checks"])


def test_an_idle_source_makes_no_one_late(inserted: int) -> None:
    for _ in range(2):  # nothing is written between the two
        code, document, measures = freshness(*OF_CUSTOMERS)
        assert code == 0, not_passed(document)
        behind = {stage: said["lag_seconds"] for stage, said in measures.items() if stage != "pg_customers"}
        assert all(lag in (None, 0, 0.0) for lag in behind.values()), behind


def test_an_event_from_the_future_is_found_at_the_source_and_gone_with_its_row(inserted: int, topics: Topics) -> None:
    with source() as connection:
        row = connection.execute(
            "INSERT INTO customers (first_name, last_name, email, updated_at) "
            "VALUES ('From', 'Tomorrow', %s, (now() AT TIME ZONE 'UTC') + interval '1 day') RETURNING customer_id",
            (f"tomorrow.{secrets.token_hex(6)}@example.com",),
        ).fetchone()
    settle(topics, ["customers"])
    code, document, _ = freshness(*OF_CUSTOMERS)
    assert code == 1, document["verdict"]
    assert {(kind, stage, detail) for kind, stage, _, detail in findings(document)} == {
        ("out_of_range", "pg_customers", "future")
    }
    with source() as connection:
        connection.execute("DELETE FROM customers WHERE customer_id = %s", row)
    settle(topics, ["customers"])
    code, document, _ = freshness(*OF_CUSTOMERS)
    assert code == 0, not_passed(document)
