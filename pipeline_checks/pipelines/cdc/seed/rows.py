"""Seed rows: ``seed`` writes them, ``is_empty`` tells whether that is still to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.cdc.seed.generators import AS_OF, Generator, Row
from pipeline_checks.pipelines.cdc.seed.source import counts, insert, keys, open_source
from pipeline_checks.pipelines.cdc.seed.summary import SeedSummary, remember

if TYPE_CHECKING:
    from pipeline_checks.pipelines.cdc.seed.source import Source

Progress = Callable[[str, int], None]
"""Called after each commit with the table and the rows written to it so far."""

BATCHES: Final = {
    "customers": 100,
    "products": 50,
    "orders": 500,
    "order_items": 500,
    "inventory": 200,
    "schema_evolution_test": 100,
}
"""Rows of one commit, by table."""


def seed(
    rows: int = 1000,
    seed: int = 42,
    scenario: str = "default",
    progress: Progress | None = None,
    as_of: datetime = AS_OF,
) -> SeedSummary:
    """Write seed rows into the source.

    Parameters
    ----------
    rows:
        At least so many rows for each captured table; the scenario ``minimal`` has a fixed number of its own.
    seed:
        Decides every value, times included.
    as_of:
        The instant that the rows' times lie before.

    Raises ConfigurationError for a scenario that does not exist, a number of rows below 1, and rows that are there
    already.
    """
    if scenario not in SCENARIOS:
        raise ConfigurationError(
            f"there is no scenario {scenario!r}", next_step=f"Choose one of {', '.join(SCENARIOS)}.", scenario=scenario
        )
    if rows < 1:
        raise ConfigurationError(f"{rows} rows cannot be written", next_step="Give a number of rows from 1 on.")
    started = monotonic()
    report = progress or (lambda table, written: None)
    with open_source() as source:
        _refuse_again(source, seed)
        written = SCENARIOS[scenario](source, rows, Generator(seed, as_of), report)
        summary = SeedSummary(scenario, seed, written, counts(source), round(monotonic() - started, 3))
    remember(summary)
    return summary


def is_empty() -> bool:
    """Whether no captured table holds a row."""
    with open_source() as source:
        return not any(counts(source).values())


def _refuse_again(source: Source, seed: int) -> None:
    found = source.execute(
        "SELECT 1 FROM customers WHERE email LIKE %s LIMIT 1", (f"%.{seed}.0@example.com",)
    ).fetchone()
    if found:
        raise ConfigurationError(
            f"the rows of seed {seed} are there already",
            next_step="Choose another seed, or begin with an empty database.",
        )


def _default(source: Source, rows: int, generator: Generator, report: Progress) -> dict[str, int]:
    written: dict[str, int] = {}

    def write(table: str, made: Iterable[Row]) -> None:
        for done in insert(source, table, made, BATCHES[table]):
            written[table] = done
            report(table, done)

    first_customer, first_product, first_order = (_last(source, t, k) for t, k in _PARENTS)
    write("customers", generator.customers(rows))
    write("products", generator.products(rows))
    customers = keys(source, "customers", "customer_id", first_customer)
    products = keys(source, "products", "product_id", first_product)
    write("orders", (order for order, _ in generator.orders(rows, customers, products)))
    orders = keys(source, "orders", "order_id", first_order)
    write("order_items", _items_of(orders, generator.orders(rows, customers, products)))
    write("inventory", generator.inventory(rows, products))
    write("schema_evolution_test", generator.evolving(rows))
    return written


_PARENTS: Final = (("customers", "customer_id"), ("products", "product_id"), ("orders", "order_id"))


def _last(source: Source, table: str, key: str) -> int:
    found = keys(source, table, key)
    return found[-1] if found else 0


def _items_of(orders: list[int], made: Iterator[tuple[Row, list[Row]]]) -> Iterator[Row]:
    for order, (_, items) in zip(orders, made, strict=True):
        for item in items:
            yield {"order_id": order, **item}


def _minimal(source: Source, rows: int, generator: Generator, report: Progress) -> dict[str, int]:
    """Write the nine rows of a first start, and the entry of the schema's history."""
    people = (("John", "Doe"), ("Jane", "Smith"), ("Bob", "Johnson"))
    goods = (("Laptop", "999.99", 50), ("Mouse", "29.99", 200), ("Keyboard", "89.99", 150))
    at = generator.as_of
    tables: dict[str, list[dict[str, Any]]] = {
        "customers": [
            {
                "first_name": first,
                "last_name": last,
                "email": f"{first}.{last}.{generator.seed}.{number}@example.com".lower(),
                "city": "Springfield",
                "state": "IL",
                "created_at": at,
                "updated_at": at,
            }
            for number, (first, last) in enumerate(people)
        ],
        "products": [
            {
                "product_name": name,
                "category": "Electronics",
                "price": Decimal(price),
                "stock_quantity": stock,
                "created_at": at,
                "updated_at": at,
            }
            for name, price, stock in goods
        ],
        "schema_evolution_test": [
            {"name": f"Test {number}", "status": status, "created_at": at, "updated_at": at}
            for number, status in enumerate(("active", "active", "inactive"), 1)
        ],
        "schema_version_history": [
            {
                "table_name": "schema_evolution_test",
                "schema_version": 1,
                "change_type": "CREATE_TABLE",
                "change_description": "Initial table",
                "executed_at": at,
            }
        ],
    }
    written: dict[str, int] = {}
    for table, made in tables.items():
        for done in insert(source, table, made, len(made)):
            report(table, done)
        if table in BATCHES:
            written[table] = len(made)
    return written


SCENARIOS: Final[dict[str, Callable[[Source, int, Generator, Progress], dict[str, int]]]] = {
    "default": _default,
    "minimal": _minimal,
}
"""What can be seeded, by name."""
