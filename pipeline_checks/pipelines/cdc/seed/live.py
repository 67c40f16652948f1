"""Live changes of known number: updates, deletes, key changes, transactions over several tables, large texts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.postgres import translated
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED
from pipeline_checks.pipelines.cdc.seed.generators import Generator, items_of_order, large_text, movement, total
from pipeline_checks.pipelines.cdc.seed.source import counts, insert_one, keys, open_source
from pipeline_checks.pipelines.cdc.seed.summary import ChangeSummary, remember

if TYPE_CHECKING:
    from pipeline_checks.pipelines.cdc.seed.source import Source

_KEYS: Final = {table.name: table.key for table in CAPTURED}
_TOUCHED: Final = {
    "customers": "phone = %(text)s",
    "orders": "status = 'processing'",
    "products": "stock_quantity = stock_quantity + 1",
    "order_items": "created_at = created_at + interval '1 microsecond'",
    "inventory": "reason = %(text)s",
    "schema_evolution_test": "version = version + 1",
}
"""What an update changes. No amount or quantity that another row must agree with."""
_LARGE: Final = {
    "customers": "address",
    "orders": "shipping_address",
    "products": "description",
    "schema_evolution_test": "description",
}
"""The column that takes a large text."""


def change(
    seed: int = 7,
    *,
    updates: int = 20,
    deletes: int = 5,
    key_changes: int = 3,
    insert_updates: int = 5,
    transactions: int = 10,
    large_texts: int = 2,
    progress: Callable[[str, int], None] | None = None,
) -> ChangeSummary:
    """Write live changes; each number but the last two is per table. The database stamps the times.

    Parameters
    ----------
    updates, deletes, key_changes:
        Rows that are updated, deleted, and given another primary key, each in a transaction of its own. Orders are
        deleted together with their items.
    insert_updates:
        Rows of ``customers`` and ``schema_evolution_test`` that are inserted and updated in one transaction.
    transactions:
        Transactions that write to customers, orders, order_items, products and inventory.
    large_texts:
        Rows of each table with a text column that get a text kept out of line (TOAST), then are updated without it,
        then, in customers, get another key.

    Raises ConfigurationError when the tables hold too few rows for that.
    """
    started = monotonic()
    report = progress or (lambda kind, done: None)
    with open_source(autocommit=True) as source, translated("changing the source"):
        before = counts(source)
        summary = ChangeSummary(seed, before)
        # What the source holds is part of it: changed once more with the same seed, it gets other rows.
        random = Random(f"{seed}:live:{sorted(before.items())}")
        live = _Live(source, random, Generator(seed), summary)
        live.refuse_too_few(max(updates, deletes + key_changes))
        kinds: tuple[tuple[str, int, Callable[[int], None]], ...] = (
            ("multi_table", transactions, live.sale),
            ("insert_update", insert_updates, live.insert_and_update),
            ("large_text", large_texts, live.large),
            ("update", updates, live.update),
            ("key_change", key_changes, live.change_key),
            ("delete", deletes, live.delete),
        )
        for kind, times, action in kinds:
            for number in range(times):
                action(number)
            report(kind, times)
    summary.seconds = round(monotonic() - started, 3)
    remember(summary)
    return summary


class _Live:
    """The kinds of changes, each call one of them in every table that it is meant for."""

    def __init__(self, source: Source, random: Random, generator: Generator, summary: ChangeSummary) -> None:
        self.source = source
        self.random = random
        self.summary = summary
        self._people = generator.customers(10**9)
        self._goods = generator.products(10**9)
        self._keys = {table: keys(source, table, key) for table, key in _KEYS.items()}

    def refuse_too_few(self, wanted: int) -> None:
        """Raise ConfigurationError when a table holds fewer rows than are to be changed."""
        few = [table for table, found in self._keys.items() if len(found) < wanted]
        if few:
            raise ConfigurationError(
                f"{', '.join(few)} hold fewer than {wanted} rows", next_step="Seed more rows, or change fewer."
            )

    def sale(self, number: int) -> None:
        """A new customer orders: five tables in one transaction."""
        with self.source.transaction():
            customer = self._insert("customers", self._person())
            items = items_of_order(self.random, self._keys["products"])
            order = self._insert("orders", {"customer_id": customer, "total_amount": total(items)})
            for item in items:
                self._insert("order_items", {"order_id": order, **item})
            product = items[0]["product_id"]
            self._insert("inventory", {**movement(self.random), "product_id": product})
            self._execute("UPDATE products SET stock_quantity = stock_quantity + 1 WHERE product_id = %(p)s", p=product)
            self.summary.note("products", "update")
        self._count("multi_table")

    def insert_and_update(self, number: int) -> None:
        """A row is inserted and updated before anyone else sees it."""
        with self.source.transaction():
            customer = self._insert("customers", self._person())
            self._execute(
                "UPDATE customers SET first_name = %(n)s WHERE customer_id = %(c)s", n=f"Live{customer}", c=customer
            )
            self.summary.note("customers", "update")
        with self.source.transaction():
            row = self._insert("schema_evolution_test", {"name": f"live {number}"})
            self._execute("UPDATE schema_evolution_test SET name = name || ' again' WHERE id = %(r)s", r=row)
            self.summary.note("schema_evolution_test", "update")
        self._count("insert_update", 2)

    def large(self, number: int) -> None:
        """A large text is written, and then stays while another column changes, and while the key does."""
        for table, column in _LARGE.items():
            if table == "customers":
                row = self._insert(table, {**self._person(), column: large_text(self.random)})
            else:
                row = self.random.choice(self._keys[table])
                self._execute(
                    f"UPDATE {table} SET {column} = %(text)s WHERE {_KEYS[table]} = %(row)s",
                    text=large_text(self.random),
                    row=row,
                )
                self.summary.note(table, "update")
            self._touch(table, row)
            if table == "customers":
                self._new_key(table, row)
            self._count("large_text")

    def update(self, number: int) -> None:
        """One row of each table is updated."""
        for table in _TOUCHED:
            self._touch(table, self.random.choice(self._keys[table]))
            self._count("update")

    def change_key(self, number: int) -> None:
        """One row of each table gets another key; of tables that others refer to, a new row."""
        for table in _KEYS:
            if table == "orders":
                self._order_with_new_key()
            else:
                self._new_key(table, self._unreferenced(table))
            self._count("key_change")

    def _order_with_new_key(self) -> None:
        """An order gets its key before its items refer to it."""
        products = self.random.sample(self._keys["products"], 2)
        items = [{"product_id": p, "quantity": 1, "unit_price": Decimal(10 + n)} for n, p in enumerate(products)]
        with self.source.transaction():
            customer = self.random.choice(self._keys["customers"])
            order = self._insert("orders", {"customer_id": customer, "total_amount": total(items)})
            order = self._new_key("orders", order)
            for item in items:
                self._insert("order_items", {"order_id": order, **item})

    def delete(self, number: int) -> None:
        """One row of each table is deleted; an order with its items, of other referenced tables a new row."""
        for table in _KEYS:
            if table == "orders":
                self._delete_order()
            elif table == "order_items":
                self._delete_item()
            else:
                self._delete(table, self._unreferenced(table))
            self._count("delete")

    def _delete_order(self) -> None:
        order = self.random.choice(self._keys["orders"])
        items = "SELECT order_item_id FROM order_items WHERE order_id = %s ORDER BY 1"
        with self.source.transaction():
            for (item,) in self.source.execute(items, (order,)).fetchall():
                self._delete("order_items", item)
            self._delete("orders", order)

    def _delete_item(self) -> None:
        """An item goes, and the amount of its order with it."""
        found = self.source.execute(
            "SELECT order_item_id, order_id, quantity * unit_price FROM order_items WHERE order_id IN "
            "(SELECT order_id FROM order_items GROUP BY order_id HAVING count(*) > 1) ORDER BY 1"
        ).fetchall()
        item, order, amount = self.random.choice(found)
        with self.source.transaction():
            self._delete("order_items", item)
            self._execute(
                "UPDATE orders SET total_amount = total_amount - %(a)s WHERE order_id = %(o)s", a=amount, o=order
            )
        self.summary.note("orders", "update")

    def _delete(self, table: str, row: int) -> None:
        self._execute(f"DELETE FROM {table} WHERE {_KEYS[table]} = %(row)s", row=row)
        self.summary.note(table, "delete")
        if row in self._keys[table]:
            self._keys[table].remove(row)

    def _unreferenced(self, table: str) -> int:
        """Return a row that no other refers to: a new one where others may."""
        if table == "customers":
            with self.source.transaction():
                return self._insert(table, self._person())
        if table == "products":
            made = next(self._goods)
            with self.source.transaction():
                return self._insert(
                    table, {k: made[k] for k in ("product_name", "category", "price", "stock_quantity")}
                )
        return self.random.choice(self._keys[table])

    def _new_key(self, table: str, row: int) -> int:
        key = _KEYS[table]
        found = self.source.execute(
            f"UPDATE {table} SET {key} = nextval(pg_get_serial_sequence(%s, %s)) WHERE {key} = %s RETURNING {key}",
            (table, key, row),
        ).fetchone()
        assert found is not None
        self.summary.note(table, "key_change")
        if row in self._keys[table]:
            self._keys[table].remove(row)
            self._keys[table].append(int(found[0]))
        return int(found[0])

    def _touch(self, table: str, row: int) -> None:
        text = f"{self.random.randrange(10**9):09d}"
        self._execute(f"UPDATE {table} SET {_TOUCHED[table]} WHERE {_KEYS[table]} = %(row)s", text=text, row=row)
        self.summary.note(table, "update")

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        made = insert_one(self.source, table, _KEYS[table], row)
        self.summary.note(table, "insert")
        return made

    def _execute(self, statement: str, **values: Any) -> None:
        done = self.source.execute(statement, values)
        assert done.rowcount == 1, statement

    def _person(self) -> dict[str, Any]:
        made = next(self._people)
        return {
            **{k: made[k] for k in ("first_name", "last_name", "phone", "address", "city", "state", "zip_code")},
            "email": made["email"].replace("@", f".live{self.random.randrange(10**12)}@"),
        }

    def _count(self, kind: str, times: int = 1) -> None:
        self.summary.transactions[kind] = self.summary.transactions.get(kind, 0) + times
