"""Writing to the source in the background: changes of all kinds at a steady rate, until the block ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Any

import psycopg

from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks_tests.cdc.truth import KEYS, last_keys, source

Source = psycopg.Connection[Any]
Step = Callable[[Source, Random], int]
"""One transaction; returns how many rows it changed."""

_ORDER_STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")


class Load:
    """Runs a step again and again in a thread, ``rate`` row changes a second on average.

    A server that goes away is waited for; whether the transaction at hand was committed is then unknown, so the truth
    is always read from the source. Any other error is raised again where the block ends.
    """

    def __init__(self, step: Step, rate: float = 50, seed: int = 1, connect: Callable[[], Source] = source) -> None:
        self.changes = 0
        self._step = step
        self._rate = rate
        self._connect = connect
        self._random = Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self._problem: BaseException | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(60)
        if error is None and self._problem is not None:
            raise self._problem

    def go_on_for(self, changes: int, seconds: float = 60) -> None:
        """Wait until so many more rows have been changed."""
        wanted = self.changes + changes
        done = Deadline(seconds).wait_until(lambda: self.changes >= wanted or self._problem is not None)
        assert done and self._problem is None, f"{self.changes} changes, {self._problem!r}"

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    with self._connect() as connection:
                        self._write(connection)
                except psycopg.OperationalError:
                    self._stop.wait(0.1)
        except BaseException as problem:
            self._problem = problem

    def _write(self, connection: Source) -> None:
        started, before = monotonic(), self.changes
        while not self._stop.is_set():
            with connection.transaction():
                done = self._step(connection, self._random)
            self.changes += done
            # The pace of the load, not a wait for anything.
            self._stop.wait(max(0.0, (self.changes - before) / self._rate - (monotonic() - started)))


class Shop:
    """Steps over all six tables, on rows of its own only: those with keys beyond ``first``."""

    def __init__(self) -> None:
        self.first = last_keys()
        self._number = 0

    def step(self, source: Source, random: Random) -> int:
        """Write one transaction of a kind chosen at random; returns how many rows it changed."""
        self._number += 1
        kinds = (
            *(self._sale,) * 2,
            *(self._update,) * 5,
            *(self._insert_and_update, self._delete, self._new_key, self._delete_and_again, self._evolve),
        )
        return random.choice(kinds)(source, random) or self._sale(source, random)

    def _sale(self, source: Source, random: Random) -> int:
        """A customer, a product, an order with two items, a movement of stock: five tables in one transaction."""
        customer = self._customer(source, random)
        product = _one(
            source,
            "INSERT INTO products (product_name, description, category, price, stock_quantity) "
            "VALUES (%s, 'of the load', 'Toys', %s, %s) RETURNING product_id",
            (f"Load {self._number}", f"{random.randint(100, 99999) / 100:.2f}", random.randint(0, 99)),
        )
        price = f"{random.randint(1000, 9999) / 100:.2f}"
        order = _one(
            source,
            "INSERT INTO orders (customer_id, total_amount, status) VALUES (%s, %s * 3::numeric, 'pending') "
            "RETURNING order_id",
            (customer, price),
        )
        for quantity in (1, 2):
            _one(
                source,
                "INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (%s, %s, %s, %s) "
                "RETURNING order_item_id",
                (order, product, quantity, price),
            )
        self._movement(source, product)
        return 6

    def _customer(self, source: Source, random: Random) -> int:
        return _one(
            source,
            "INSERT INTO customers (first_name, last_name, email, city, state) VALUES (%s, 'Load', %s, %s, %s) "
            "RETURNING customer_id",
            (
                f"N{self._number}",
                f"load.{self.first['customers']}.{self._number}@example.com",
                *random.choice((("Springfield", "IL"), ("Salem", None), (None, None))),
            ),
        )

    def _movement(self, source: Source, product: int, key: int | None = None) -> int:
        return _one(
            source,
            "INSERT INTO inventory (transaction_id, product_id, transaction_type, quantity, previous_quantity, "
            "new_quantity, reason) VALUES (coalesce(%s, nextval('inventory_transaction_id_seq')), %s, 'IN', 5, 50, 55, "
            "'Purchase') RETURNING transaction_id",
            (key, product),
        )

    def _insert_and_update(self, source: Source, random: Random) -> int:
        customer = self._customer(source, random)
        source.execute("UPDATE customers SET first_name = 'Again' WHERE customer_id = %s", (customer,))
        return 2

    def _update(self, source: Source, random: Random) -> int:
        column, value = random.choice(
            (
                ("customers.phone", f"555-{self._number:07d}"),
                ("orders.status", random.choice(_ORDER_STATUSES)),
                ("products.price", f"{random.randint(100, 99999) / 100:.2f}"),
                ("order_items.created_at", f"2026-02-03 04:05:06.{random.randrange(10**6):06d}"),
                ("inventory.reason", random.choice(("Count correction", None))),
                ("schema_evolution_test.version", random.randint(1, 10**6)),
            )
        )
        table, _, name = column.partition(".")
        key = self._own(source, table)
        if key is None:
            return 0
        return source.execute(f"UPDATE {table} SET {name} = %s WHERE {KEYS[table]} = %s", (value, key)).rowcount

    def _delete(self, source: Source, random: Random) -> int:
        if random.random() < 0.5:
            table = random.choice(("inventory", "schema_evolution_test"))
            key = self._own(source, table)
            return (
                0 if key is None else source.execute(f"DELETE FROM {table} WHERE {KEYS[table]} = %s", (key,)).rowcount
            )
        order = self._own(source, "orders")
        if order is None:
            return 0
        items = source.execute("DELETE FROM order_items WHERE order_id = %s", (order,)).rowcount
        return items + source.execute("DELETE FROM orders WHERE order_id = %s", (order,)).rowcount

    def _new_key(self, source: Source, random: Random) -> int:
        table = random.choice(("order_items", "inventory", "schema_evolution_test"))
        key = self._own(source, table)
        if key is None:
            return 0
        statement = (
            f"UPDATE {table} SET {KEYS[table]} = nextval(pg_get_serial_sequence(%s, %s)) WHERE {KEYS[table]} = %s"
        )
        return 2 * source.execute(statement, (table, KEYS[table], key)).rowcount

    def _delete_and_again(self, source: Source, random: Random) -> int:
        """A key goes and comes back in one transaction."""
        found = source.execute(
            "DELETE FROM inventory WHERE transaction_id = %s RETURNING transaction_id, product_id",
            (self._own(source, "inventory"),),
        ).fetchone()
        if found is None:
            return 0
        self._movement(source, found[1], found[0])
        return 2

    def _evolve(self, source: Source, random: Random) -> int:
        source.execute("INSERT INTO schema_evolution_test (name) VALUES (%s)", (f"load {self._number}",))
        return 1

    def _own(self, source: Source, table: str) -> int | None:
        """One of the rows that this load has written."""
        key = KEYS[table]
        found = source.execute(
            f"SELECT {key} FROM {table} WHERE {key} > %s ORDER BY random() LIMIT 1", (self.first[table],)
        ).fetchone()
        return None if found is None else int(found[0])


def _one(source: Source, statement: str, values: tuple[Any, ...]) -> int:
    found = source.execute(statement, values).fetchone()
    assert found is not None
    return int(found[0])
