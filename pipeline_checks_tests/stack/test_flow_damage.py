"""What damages topics and schemas for good: malformed records, records produced again, DDL, truncates.

These run behind all that needs the session's stack whole, and leave customers and orders alone.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline_checks.clients.kafka import producer
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.flow.names import topic_of
from pipeline_checks.pipelines.cdc.flow.tables import INVENTORY, ORDER_ITEMS, PRODUCTS
from pipeline_checks_tests.cdc.mover import wait_until_ready
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.flow_source import filled, source
from pipeline_checks_tests.stack.lake_truth import (
    FRAMES,
    assert_current,
    assert_log,
    delta_frame,
    records,
    settle,
    source_is_published,
    source_rows,
)

pytestmark = pytest.mark.leaves_damage


@pytest.fixture(autouse=True)
def rows(stack: RunningStack) -> None:
    """The source is not empty, and the mover moves."""
    filled()
    wait_until_ready(stack)


def produce(topic: str, partition: int, key: bytes, *values: bytes) -> None:
    """Append records behind the connector's back."""
    made = producer(setting("KAFKA_BOOTSTRAP_SERVERS"))
    for value in values:
        made.produce(topic, value=value, key=key, partition=partition)
    assert made.flush(30) == 0


def test_malformed_records_are_quarantined_with_bytes_and_coordinates_and_the_rest_goes_on(stack: RunningStack) -> None:
    topic = topic_of("inventory")
    bad = [b"\xff\xfe no text", b'{"op":"u"}', b"[]"]
    before = set(records(topic))
    produce(topic, 1, b"?", *bad)
    with source() as connection:
        connection.execute("UPDATE inventory SET reason = 'after the malformed ones'")
    settle((INVENTORY,))
    found = delta_frame("quarantine").filter(pl.col("_topic") == topic).sort("_offset")
    new = [row for row in found.to_dicts() if (row["_partition"], row["_offset"]) not in before]
    assert [row["_value"] for row in new] == bad
    assert {row["_partition"] for row in new} == {1}
    assert all(row["_reason"] and row["_key"] == b"?" for row in new)
    for lake in FRAMES:
        assert_current(INVENTORY, lake)
        assert_log(INVENTORY, lake)


def test_records_produced_again_are_logged_and_change_no_state(stack: RunningStack) -> None:
    with source() as connection:
        made = connection.execute(
            "INSERT INTO products (product_name, price) VALUES ('stays', 1), ('goes', 1) RETURNING product_id"
        ).fetchall()
        stays, goes = (int(row[0]) for row in made)
        connection.execute("UPDATE products SET price = 2 WHERE product_id = %s", (stays,))
        connection.execute("DELETE FROM products WHERE product_id = %s", (goes,))
    settle((PRODUCTS,))
    topic = topic_of("products")
    again = {
        key: [
            (p, v)
            for (p, _), v in sorted(records(topic).items())
            if v and f'"product_id":{key},'.encode() in v and b'"op":"c"' in v
        ]
        for key in (stays, goes)
    }
    for key, found in again.items():
        for partition, value in found:
            produce(topic, partition, b'{"product_id":%d}' % key, value)
    settle((PRODUCTS,))
    for lake in FRAMES:
        assert_current(PRODUCTS, lake)
        assert_log(PRODUCTS, lake)
        rows = FRAMES[lake]("products_changes").filter(pl.col("product_id").is_in([stays, goes]))
        assert rows.filter(pl.col("_cdc_operation") == "INSERT").height == 4


def evolve(statement: str) -> None:
    """Run a DDL statement between changes of rows."""
    with source() as connection:
        connection.execute("UPDATE products SET stock_quantity = stock_quantity + 1 WHERE product_id % 2 = 0")
        connection.execute(statement)
        connection.execute("INSERT INTO products (product_name, price) VALUES ('new', 9)")


def test_columns_added_renamed_and_dropped_in_mid_stream_lose_no_row(stack: RunningStack) -> None:
    before = set(source_rows(PRODUCTS))
    evolve("ALTER TABLE products ADD COLUMN credit DECIMAL(12,3) DEFAULT 1.5")
    evolve("ALTER TABLE products ADD COLUMN metadata JSONB DEFAULT '{}'")
    evolve("ALTER TABLE products ADD COLUMN seen TIMESTAMPTZ")
    evolve("ALTER TABLE products ALTER COLUMN stock_quantity TYPE BIGINT")
    evolve("ALTER TABLE products ALTER COLUMN category TYPE VARCHAR(200)")
    with source() as connection:
        connection.execute("ALTER TABLE products RENAME COLUMN product_name TO display_name")
        connection.execute("ALTER TABLE products DROP COLUMN description")
        connection.execute("UPDATE products SET stock_quantity = 2 ^ 40, seen = '2026-01-01T00:00:00.5Z'")
    settle((PRODUCTS,))
    expected = source_rows(PRODUCTS)
    assert before < set(expected)
    for lake in FRAMES:
        frame = FRAMES[lake]("products")
        assert_log(PRODUCTS, lake)
        assert frame.schema["credit"] == pl.Decimal(12, 3)
        assert frame.schema["metadata"] == pl.String
        assert frame.schema["seen"] == pl.Datetime("us", "UTC")
        found: dict[int, dict[str, Any]] = {row["product_id"]: row for row in frame.to_dicts()}
        assert set(found) == set(expected)
        for key, row in expected.items():
            held = found[key]
            for name in ("stock_quantity", "category", "display_name", "price", "seen", "created_at", "updated_at"):
                assert held[name] == row[name], (lake, key, name)
            assert held["credit"] == Decimal("1.500")
            assert held["metadata"] == "{}"
            assert held["description"] is None
            assert held["product_name"] is None


def test_a_truncate_empties_the_current_state_and_what_comes_after_it_is_there(stack: RunningStack) -> None:
    with source() as connection:
        connection.execute("TRUNCATE order_items")
        connection.execute(
            "INSERT INTO order_items (order_id, product_id, quantity, unit_price) "
            "SELECT min(order_id), (SELECT min(product_id) FROM products), 1, 10 "
            "FROM orders, generate_series(1, 2) AS n GROUP BY n"
        )
    source_is_published()
    settle((ORDER_ITEMS,))
    expected = set(source_rows(ORDER_ITEMS))
    assert len(expected) == 2
    for lake in FRAMES:
        assert set(FRAMES[lake]("order_items").get_column("order_item_id")) == expected
        assert_log(ORDER_ITEMS, lake)
        log = FRAMES[lake]("order_items_changes").filter(pl.col("_cdc_operation") == "TRUNCATE")
        assert log.height >= 1
        assert random.choice(log.get_column("order_item_id").to_list()) is None
