"""Values of the source tables. Every value follows from the seed; no state is shared with anything else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any, Final

Row = dict[str, Any]

AS_OF: Final = datetime(2026, 1, 1)
"""The instant that generated times lie before, unless another is asked for."""
CATEGORIES: Final = ("Electronics", "Furniture", "Clothing", "Books", "Toys", "Sports", "Home & Garden", "Automotive")
STATUSES: Final = ("pending", "processing", "shipped", "delivered", "cancelled")
REASONS: Final = ("Purchase", "Sale", "Return", "Damage", "Count correction", "Transfer")
_PHONE_LENGTH: Final = 20
_POOL: Final = 400
"""Different names, streets and phrases; rows draw from these, so that a million rows take seconds."""


@lru_cache(maxsize=4)
def _pools(seed: int) -> dict[str, tuple[str, ...]]:
    from faker import Faker

    fake: Any = Faker("en_US")
    fake.seed_instance(seed)
    makers = {
        "first": fake.first_name,
        "last": fake.last_name,
        "street": fake.street_address,
        "city": fake.city,
        "state": fake.state_abbr,
        "zip": fake.zipcode,
        "phone": lambda: fake.phone_number()[:_PHONE_LENGTH],
        "phrase": fake.catch_phrase,
        "text": lambda: fake.text(max_nb_chars=200),
    }
    return {name: tuple(make() for _ in range(_POOL)) for name, make in makers.items()}


class Generator:
    """Makes rows of each table.

    Parameters
    ----------
    seed:
        Decides every value.
    as_of:
        The instant that times lie before; without zone, as the columns are.
    """

    def __init__(self, seed: int, as_of: datetime = AS_OF) -> None:
        self.seed = seed
        self.as_of = as_of

    def _random(self, entity: str) -> Random:
        # Each table has a sequence of its own, so that more rows of one change nothing in another.
        return Random(f"{self.seed}:{entity}")

    def _instant(self, random: Random, days: int) -> datetime:
        return self.as_of - timedelta(microseconds=random.randrange(1, days * 86_400_000_000))

    def customers(self, count: int) -> Iterator[Row]:
        """Names, unique e-mail, phone of at most 20 characters, address in the USA."""
        random, pools = self._random("customers"), _pools(self.seed)
        for number in range(count):
            first, last = random.choice(pools["first"]), random.choice(pools["last"])
            created = self._instant(random, 365)
            yield {
                "first_name": first,
                "last_name": last,
                "email": f"{first}.{last}.{self.seed}.{number}@example.com".lower().replace(" ", "_"),
                "phone": random.choice(pools["phone"]),
                "address": random.choice(pools["street"]),
                "city": random.choice(pools["city"]),
                "state": random.choice(pools["state"]),
                "zip_code": random.choice(pools["zip"]),
                "country": "USA",
                "created_at": created,
                "updated_at": created,
            }

    def products(self, count: int) -> Iterator[Row]:
        """Price 9.99 to 999.99, stock 0 to 500."""
        random, pools = self._random("products"), _pools(self.seed)
        for _ in range(count):
            created = self._instant(random, 365)
            yield {
                "product_name": random.choice(pools["phrase"]),
                "description": random.choice(pools["text"]),
                "category": random.choice(CATEGORIES),
                "price": _amount(random, 999, 99_999),
                "stock_quantity": random.randint(0, 500),
                "created_at": created,
                "updated_at": created,
            }

    def orders(self, count: int, customers: Sequence[int], products: Sequence[int]) -> Iterator[tuple[Row, list[Row]]]:
        """Each order with its items; its amount, 10 to 1000, is the sum of theirs.

        Raises ValueError when there are no customers or no products.
        """
        _refuse_empty(customers=customers, products=products)
        random, pools = self._random("orders"), _pools(self.seed)
        for _ in range(count):
            ordered = self._instant(random, 30)
            items = [{**item, "created_at": ordered} for item in items_of_order(random, products)]
            yield (
                {
                    "customer_id": random.choice(customers),
                    "order_date": ordered,
                    "total_amount": total(items),
                    "status": random.choice(STATUSES),
                    "shipping_address": random.choice(pools["street"]),
                    "created_at": ordered,
                    "updated_at": ordered,
                },
                items,
            )

    def inventory(self, count: int, products: Sequence[int]) -> Iterator[Row]:
        """Movements of stock: the new quantity is the previous one plus the signed change.

        Raises ValueError when there are no products.
        """
        _refuse_empty(products=products)
        random = self._random("inventory")
        for _ in range(count):
            yield {
                **movement(random),
                "product_id": random.choice(products),
                "transaction_date": self._instant(random, 7),
            }

    def evolving(self, count: int) -> Iterator[Row]:
        """Rows of the table whose columns change."""
        random, pools = self._random("schema_evolution_test"), _pools(self.seed)
        for _ in range(count):
            created = self._instant(random, 30)
            yield {
                "version": 1,
                "name": random.choice(pools["phrase"])[:100],
                "description": random.choice(pools["text"]),
                "status": "active" if random.random() < 0.7 else "inactive",
                "created_at": created,
                "updated_at": created,
            }


def movement(random: Random) -> Row:
    """Return type, quantities and reason of one movement of stock."""
    kind, previous = random.choice(("IN", "OUT", "ADJUSTMENT")), random.randint(50, 500)
    change = {
        "IN": lambda: random.randint(10, 100),
        "OUT": lambda: -random.randint(1, min(50, previous)),
        "ADJUSTMENT": lambda: random.randint(-20, 20),
    }[kind]()
    return {
        "transaction_type": kind,
        "quantity": abs(change),
        "previous_quantity": previous,
        "new_quantity": previous + change,
        "reason": random.choice(REASONS),
    }


def total(items: Sequence[Row]) -> Decimal:
    """Return the amount of an order with these items."""
    return sum((item["quantity"] * item["unit_price"] for item in items), Decimal(0))


def large_text(random: Random, size: int = 12_000) -> str:
    """Return text that Postgres keeps out of line: it is long and cannot be compressed much."""
    return base64.b64encode(random.randbytes(size * 3 // 4)).decode()


def items_of_order(random: Random, products: Sequence[int]) -> list[Row]:
    """Return one to three items that come to 10 to 1000 together."""
    while True:
        items = [
            {
                "product_id": random.choice(products),
                "quantity": random.randint(1, 5),
                "unit_price": _amount(random, 999, 29_999),
            }
            for _ in range(random.randint(1, 3))
        ]
        if 10 <= total(items) <= 1000:
            return items


def _amount(random: Random, low: int, high: int) -> Decimal:
    return Decimal(random.randint(low, high)).scaleb(-2)


def _refuse_empty(**ids: Sequence[int]) -> None:
    for name, values in ids.items():
        if not values:
            raise ValueError(f"no {name} to refer to")
