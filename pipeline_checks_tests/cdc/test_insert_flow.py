"""Inserts arrive: every row, every version of it, every column."""

from __future__ import annotations

import secrets

import pytest

from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.topics import operations
from pipeline_checks_tests.cdc.truth import LAKES, assert_current, assert_log, current, last_keys, log, source

CUSTOMERS = range(10_000, 10_100)


@pytest.fixture(scope="module")
def baseline(topics: Topics) -> tuple[list[int], dict[int, int]]:
    """A hundred customers, each inserted and updated in one commit: their keys, and the topic's ends before them."""
    topics["customers"].read()
    starts, keys = topics["customers"].ends(), []
    with source() as connection:
        for number in CUSTOMERS:
            email = f"e2e_baseline_{number}_{secrets.token_hex(4)}@example.com"
            with connection.transaction():
                inserted = connection.execute(
                    "INSERT INTO customers (first_name, last_name, email, city, state, country) "
                    "VALUES ('E2E', 'Customer', %s, 'E2ECity', 'E2', 'USA') RETURNING customer_id",
                    (email,),
                ).fetchone()
                assert inserted is not None
                connection.execute(
                    "UPDATE customers SET first_name = 'E2EBaseline' || customer_id WHERE customer_id = %s", inserted
                )
            keys.append(int(inserted[0]))
    settle(topics, ["customers"])
    return keys, starts


def test_the_topic_holds_one_create_and_one_update_of_each_customer(
    topics: Topics, baseline: tuple[list[int], dict[int, int]]
) -> None:
    keys, starts = baseline
    assert operations(topics["customers"].records(starts).values()) == {key: ["c", "u"] for key in keys}


@pytest.mark.parametrize("lake", LAKES)
def test_the_change_log_holds_an_insert_and_an_update_of_each_in_the_order_of_the_source(
    lake: str, topics: Topics, baseline: tuple[list[int], dict[int, int]]
) -> None:
    keys, starts = baseline
    rows = sorted(log(lake, "customers", starts).values(), key=lambda r: r["_source_lsn"])
    for key in keys:
        versions = [(r["_cdc_operation"], r["first_name"]) for r in rows if r["customer_id"] == key]
        assert versions == [("INSERT", "E2E"), ("UPDATE", f"E2EBaseline{key}")]
    assert len(rows) == 2 * len(keys)
    assert_log(lake, "customers", topics["customers"].records(starts), starts)


@pytest.mark.parametrize("lake", LAKES)
def test_the_current_row_of_each_is_the_updated_one_in_every_column(
    lake: str, baseline: tuple[list[int], dict[int, int]]
) -> None:
    keys, _ = baseline
    rows = current(lake, "customers", min(keys) - 1)
    assert set(rows) == set(keys)
    for key, row in rows.items():
        assert (row["full_name"], row["location"]) == (f"E2EBaseline{key} Customer", "E2ECity, E2, USA")
    assert assert_current(lake, "customers", min(keys) - 1) == len(keys)


@pytest.mark.parametrize("lake", LAKES)
def test_columns_that_are_null_leave_no_gap_in_the_joined_ones(lake: str, topics: Topics) -> None:
    beyond = last_keys()["customers"]
    with source() as connection:
        connection.execute(
            "INSERT INTO customers (first_name, last_name, email, city, state, country) VALUES "
            "('A', 'B', %s, NULL, 'TS', 'USA'), "
            "('C', 'D', %s, 'TestCity', NULL, NULL), "
            "('D', 'E', %s, NULL, NULL, NULL)",
            [f"{n}.{secrets.token_hex(4)}@example.com" for n in "abc"],
        )
    settle(topics, ["customers"])
    rows = sorted(current(lake, "customers", beyond).values(), key=lambda r: r["first_name"])
    assert [(r["full_name"], r["location"]) for r in rows] == [("A B", "TS, USA"), ("C D", "TestCity"), ("D E", "")]
    assert assert_current(lake, "customers", beyond) == 3
