"""Changes of every kind arrive in both lakes exactly."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.flow.ahead import reader
from pipeline_checks.pipelines.cdc.flow.covers import nothing
from pipeline_checks.pipelines.cdc.flow.decode import Decoder
from pipeline_checks.pipelines.cdc.flow.lakes import source_columns
from pipeline_checks.pipelines.cdc.flow.names import topic_of
from pipeline_checks.pipelines.cdc.flow.tables import CUSTOMERS
from pipeline_checks.pipelines.cdc.seed import change
from pipeline_checks.pipelines.cdc.seed.generators import large_text
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.flow_source import filled, insert_customer, source
from pipeline_checks_tests.stack.lake_truth import FRAMES, assert_current, assert_lakes, assert_log, settle


def logged(lake: str, key: int) -> list[dict[str, Any]]:
    """Rows of the customers' log for one key in the order of the source."""
    rows = [r for r in FRAMES[lake]("customers_changes").to_dicts() if r["customer_id"] == key]
    return sorted(rows, key=lambda r: (r["_source_lsn"], r["_offset"]))


@pytest.fixture(autouse=True)
def rows(stack: RunningStack) -> None:
    """The source is not empty."""
    filled()


def test_seeded_rows_and_changes_of_known_number_arrive_exactly_in_both_formats(stack: RunningStack) -> None:
    seed, kinds = random.randrange(10**6), {"updates": 5, "deletes": 3, "key_changes": 2, "transactions": 3}
    change(seed=seed, **kinds, large_texts=1)
    summary = change(seed=seed, **kinds, large_texts=1)  # an equal seed changes what it finds, and doubles no row
    settle()
    assert_lakes()
    for table, count in summary.expected_counts().items():
        assert {lake: frame(table).height for lake, frame in FRAMES.items()} == dict.fromkeys(FRAMES, count), table


def test_insert_and_update_in_one_transaction_are_two_events_and_one_row(stack: RunningStack) -> None:
    tag = random.randrange(10**9)
    keys = []
    with source() as connection, connection.transaction():
        for number in range(20):
            keys.append(insert_customer(connection, f"both.{tag}.{number}@example.com"))
            connection.execute("UPDATE customers SET first_name = 'Both' WHERE customer_id = %s", (keys[-1],))
    settle((CUSTOMERS,))
    for lake in FRAMES:
        for key in keys:
            assert [(r["_cdc_operation"], r["first_name"]) for r in logged(lake, key)] == [
                ("INSERT", "Flow"),
                ("UPDATE", "Both"),
            ]
        assert_current(CUSTOMERS, lake)


def test_a_key_deleted_and_created_again_in_one_transaction_is_there(stack: RunningStack) -> None:
    tag = random.randrange(10**9)
    with source() as connection:
        key = insert_customer(connection, f"again.{tag}@example.com")
        with connection.transaction():
            connection.execute("DELETE FROM customers WHERE customer_id = %s", (key,))
            connection.execute(
                "INSERT INTO customers (customer_id, first_name, last_name, email) VALUES (%s, 'Born', 'Again', %s)",
                (key, f"again.{tag}@example.com"),
            )
    settle((CUSTOMERS,))
    for lake in FRAMES:
        assert [r["_cdc_operation"] for r in logged(lake, key)] == ["INSERT", "DELETE", "INSERT"]
        assert_current(CUSTOMERS, lake)


def test_a_text_kept_out_of_line_survives_updates_and_changes_of_its_key(stack: RunningStack) -> None:
    tag, text = random.randrange(10**9), large_text(random.Random(1))
    with source() as connection:
        key = insert_customer(connection, f"toast.{tag}@example.com", text)
        settle((CUSTOMERS,))  # what follows finds the text in the lake
        connection.execute("UPDATE customers SET city = 'Elsewhere' WHERE customer_id = %s", (key,))
        moved = [key]
        for _ in range(2):
            row = connection.execute(
                "UPDATE customers SET customer_id = nextval('customers_customer_id_seq') WHERE customer_id = %s "
                "RETURNING customer_id",
                (moved[-1],),
            ).fetchone()
            assert row is not None
            moved.append(int(row[0]))
    settle((CUSTOMERS,))
    for lake in FRAMES:
        assert_current(CUSTOMERS, lake)
        assert [r["address"] for r in logged(lake, moved[-1])] == [text]
        assert Counter(r["_cdc_operation"] for k in moved for r in logged(lake, k)) == {
            "INSERT": 3,
            "UPDATE": 1,
            "DELETE": 2,
        }
        assert_log(CUSTOMERS, lake)


def test_what_stands_behind_a_batch_is_read_as_far_as_the_delete_of_a_changed_key(stack: RunningStack) -> None:
    with source() as connection:
        key = insert_customer(connection, f"ahead.{random.randrange(10**9)}@example.com")
        connection.execute("UPDATE customers SET customer_id = customer_id + 1000000 WHERE customer_id = %s", (key,))
    settle((CUSTOMERS,))
    (lsn,) = [r["_source_lsn"] for r in logged("delta", key) if r["_cdc_operation"] == "DELETE"]
    read = reader(
        setting("KAFKA_BOOTSTRAP_SERVERS"),
        topic_of(CUSTOMERS.name),
        lambda: Decoder(CUSTOMERS.key, source_columns(CUSTOMERS)),
    )
    found = [(e.op, e.lsn) for e in read(nothing(), {(key, lsn)}).events if e.key == key]
    assert found[0][0] == "c"
    assert found[-1] == ("d", lsn)
