"""A load of changes at a steady rate on the source of the CDC pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

import psycopg

from pipeline_checks.clients.settings import setting

_CHANGES: dict[str, Callable[[int], str]] = {
    "customers": lambda key: f"UPDATE customers SET phone = '{key % 10**9}' WHERE customer_id = {key}",
    "orders": lambda key: f"UPDATE orders SET status = 'shipped', customer_id = customer_id WHERE order_id = {key}",
    "products": lambda key: f"UPDATE products SET stock_quantity = stock_quantity + 1 WHERE product_id = {key}",
    "order_items": lambda key: f"UPDATE order_items SET created_at = now() WHERE order_item_id = {key}",
    "inventory": lambda key: f"UPDATE inventory SET transaction_date = now() WHERE transaction_id = {key}",
    "schema_evolution_test": lambda key: f"UPDATE schema_evolution_test SET version = version + 1 WHERE id = {key}",
}


def change_steadily(tables: Sequence[str], per_second: float, seconds: float, per_transaction: int = 1) -> int:
    """Update rows of the tables in turn, ``per_second`` changes each second over all of them; returns how many.

    Changes that fall due while the database is slow are made as soon as it answers, so that the rate holds.
    """
    random = Random(11)
    done = 0
    with psycopg.connect(setting("CDC_POSTGRES_URL"), autocommit=True) as source:
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            due = int(elapsed * per_second) - done
            if due < per_transaction:
                time.sleep(0.002)  # paces the load
                continue
            statements = [
                _CHANGES[tables[(done + i) % len(tables)]](random.randint(1, 1000)) for i in range(per_transaction)
            ]
            with source.transaction():
                source.execute("; ".join(statements))
            done += per_transaction
    return done
