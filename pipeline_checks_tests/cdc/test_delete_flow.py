"""Deletes arrive: the key leaves the current state, the log keeps its DELETE, and what was deleted can come back."""

from __future__ import annotations

import secrets

import pytest

from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.topics import operations
from pipeline_checks_tests.cdc.truth import LAKES, assert_current, assert_log, current, last_keys, log, source

DELETED, AGAIN = 100, 10

Gone = tuple[int, dict[int, int], list[int], list[int]]


@pytest.fixture(scope="module")
def gone(topics: Topics) -> Gone:
    """Customers of whom 100 were deleted and 10 deleted and inserted again under their key in one transaction."""
    topics["customers"].read()
    starts, beyond = topics["customers"].ends(), last_keys()["customers"]
    with source() as connection:
        connection.cursor().executemany(
            "INSERT INTO customers (first_name, last_name, email) VALUES ('De', 'Leted', %s)",
            [(f"deleted.{secrets.token_hex(6)}@example.com",) for _ in range(DELETED + AGAIN)],
        )
        found = connection.execute(
            "SELECT customer_id FROM customers WHERE customer_id > %s ORDER BY 1", (beyond,)
        ).fetchall()
    keys = [int(key) for (key,) in found]
    settle(topics, ["customers"])
    for lake in LAKES:
        assert set(current(lake, "customers", beyond)) == set(keys), "they must be there before they can go"
    with source() as connection:
        connection.execute("DELETE FROM customers WHERE customer_id = ANY (%s)", (keys[:DELETED],))
        for key in keys[DELETED:]:
            with connection.transaction():
                connection.execute("DELETE FROM customers WHERE customer_id = %s", (key,))
                connection.execute(
                    "INSERT INTO customers (customer_id, first_name, last_name, email) VALUES (%s, 'Come', 'Back', %s)",
                    (key, f"again.{key}@example.com"),
                )
    settle(topics, ["customers"])
    return beyond, starts, keys[:DELETED], keys[DELETED:]


def test_the_topic_holds_one_delete_and_one_tombstone_of_each(topics: Topics, gone: Gone) -> None:
    _, starts, deleted, again = gone
    assert operations(topics["customers"].records(starts).values()) == {
        **{key: ["c", "d", "tombstone"] for key in deleted},
        **{key: ["c", "d", "tombstone", "c"] for key in again},
    }


@pytest.mark.parametrize("lake", LAKES)
def test_the_log_holds_one_delete_of_each_with_its_key_and_nothing_else_of_the_row(
    lake: str, topics: Topics, gone: Gone
) -> None:
    _, starts, deleted, again = gone
    rows = sorted(log(lake, "customers", starts).values(), key=lambda r: (r["_source_lsn"], r["_offset"]))
    words: dict[int, list[str]] = {}
    for row in rows:
        words.setdefault(row["customer_id"], []).append(row["_cdc_operation"])
        if row["_cdc_operation"] == "DELETE":
            assert row["_deleted"] is True
            names = ("first_name", "last_name", "email", "full_name", "location", "created_at")
            assert [row[name] for name in names] == [None] * len(names)
    assert words == {
        **{key: ["INSERT", "DELETE"] for key in deleted},
        **{key: ["INSERT", "DELETE", "INSERT"] for key in again},
    }
    assert_log(lake, "customers", topics["customers"].records(starts), starts)


@pytest.mark.parametrize("lake", LAKES)
def test_deleted_keys_are_gone_and_those_inserted_again_hold_the_new_row(lake: str, gone: Gone) -> None:
    beyond, _, deleted, again = gone
    rows = current(lake, "customers", beyond)
    assert set(rows) == set(again)
    assert not set(rows) & set(deleted)
    assert {row["full_name"] for row in rows.values()} == {"Come Back"}
    assert assert_current(lake, "customers", beyond) == len(again)


@pytest.mark.parametrize("lake", LAKES)
def test_source_minus_lake_and_lake_minus_source_are_empty(lake: str, gone: Gone) -> None:
    with source() as connection:
        keys = {key for (key,) in connection.execute("SELECT customer_id FROM customers").fetchall()}
    found = set(current(lake, "customers"))
    assert (keys - found, found - keys) == (set(), set())
    assert len(found) > 900
