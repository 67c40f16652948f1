"""The products and stores of the generated data, some with several versions, and their reference files."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.columns import Column
from pipeline_checks.pipelines.sales.flow.tables import PRODUCTS, STORES
from pipeline_checks.pipelines.sales.seed.geography import PLACES

CENT: Final = Decimal("0.01")
BEGIN: Final = date(2020, 1, 1)
"""From when on every product and store is known: before the first sale that anybody could ask about."""
_VERSIONED: Final = 10
"""One product in so many has several versions."""
_SEED: Final = "catalogue"


@dataclass(frozen=True)
class Category:
    """A category: its products, the range of their prices and the usual margin."""

    name: str
    products: tuple[str, ...]
    low: int
    high: int
    margin: Decimal


CATEGORIES: Final = (
    Category(
        "Electronics",
        (
            *("Laptop", "Smartphone", "Tablet", "Headphones", "Camera", "Smart Watch", "Speaker", "Monitor"),
            *("Keyboard", "Mouse", "Printer", "Router", "Drone", "Television", "Game Console"),
        ),
        50,
        2000,
        Decimal("0.15"),
    ),
    Category(
        "Clothing",
        (
            *("T-Shirt", "Jeans", "Dress", "Jacket", "Sneakers", "Boots", "Hat", "Scarf"),
            *("Gloves", "Socks", "Sweater", "Shorts", "Skirt", "Suit", "Coat"),
        ),
        15,
        200,
        Decimal("0.50"),
    ),
    Category(
        "Home & Garden",
        (
            *("Sofa", "Table", "Chair", "Lamp", "Rug", "Bed", "Bookcase", "Mirror"),
            *("Curtain", "Plant Pot", "Garden Hose", "Lawn Mower", "Grill", "Tool Set", "Vase"),
        ),
        25,
        800,
        Decimal("0.35"),
    ),
    Category(
        "Books",
        (
            *("Fiction", "Biography", "Cookbook", "Textbook", "Children Book", "Travel Guide", "Poetry", "History"),
            *("Science", "Art Book", "Comic", "Dictionary", "Self Help", "Business Book", "Mystery"),
        ),
        5,
        60,
        Decimal("0.40"),
    ),
    Category(
        "Sports",
        (
            *("Bicycle", "Football", "Tennis Racket", "Yoga Mat", "Dumbbell", "Running Shoes", "Swimsuit", "Helmet"),
            *("Basketball", "Golf Club", "Skateboard", "Tent", "Backpack", "Ski", "Surfboard"),
        ),
        10,
        500,
        Decimal("0.30"),
    ),
)
_BRANDS: Final = ("Acme", "Borealis", "Cobalt", "Delphi", "Everest")
_STORE_TYPES: Final = ("Mall", "Street", "Outlet", "Online")


@dataclass(frozen=True)
class Product:
    """A product, and from when on which price holds."""

    product_id: str
    name: str
    category: Category
    sub_category: str
    prices: tuple[tuple[date, Decimal], ...]

    def price(self, on: date) -> Decimal:
        """Return the price of a day."""
        return next((p for since, p in reversed(self.prices) if since <= on), self.prices[0][1])


def products(count: int, on: date) -> list[Product]:
    """Return the first products of the catalogue; the later versions of some begin in the month before ``on``."""
    random, made = Random(_SEED), []
    for number in range(count):
        category = CATEGORIES[number % len(CATEGORIES)]
        kind = category.products[number // len(CATEGORIES) % len(category.products)]
        serial = number // (len(CATEGORIES) * len(category.products)) + 1
        price = Decimal(random.randint(category.low * 100, category.high * 100)) / 100
        versions = [(BEGIN, price)]
        if number % _VERSIONED == 3:
            for days in (random.randint(15, 25), random.randint(2, 12))[: random.randint(1, 2)]:
                price = (price * Decimal(random.randint(90, 115)) / 100).quantize(CENT, ROUND_HALF_UP)
                versions.append((on - timedelta(days=days), price))
        code = category.name.replace(" ", "").replace("&", "").upper()
        identity = f"{code}_{kind.replace(' ', '_').upper()}_{serial:03d}"
        made.append(Product(identity, f"{kind} Model {random.randint(100, 999)}", category, kind, tuple(versions)))
    return made


def product_rows(made: Iterable[Product]) -> list[dict[str, Any]]:
    """Return the versions of products as the reference file has them."""
    return [
        {
            "product_id": p.product_id,
            "product_name": p.name,
            "category": p.category.name.upper(),
            "sub_category": p.sub_category.upper(),
            "brand": _BRANDS[len(p.name) % len(_BRANDS)],
            "unit_cost": (price * (1 - p.category.margin)).quantize(CENT, ROUND_HALF_UP),
            "unit_price": price,
            "effective_date": since,
            "is_active": True,
        }
        for p in made
        for since, price in p.prices
    ]


def store_rows(count: int) -> list[dict[str, Any]]:
    """Return the stores, one in ten with a second version under another type."""
    random, rows = Random(f"{_SEED} stores"), []
    for number in range(1, count + 1):
        place = PLACES[number % len(PLACES)]
        opening = BEGIN - timedelta(days=random.randint(0, 3000))
        row: dict[str, Any] = {
            "store_id": f"STORE_{number:03d}",
            "store_name": f"Store {number}",
            "location": f"{place.city} {number}",
            "city": place.city,
            "state": place.state,
            "country": place.country,
            "region": place.region,
            "store_type": random.choice(_STORE_TYPES),
            "opening_date": opening,
            "effective_date": BEGIN,
            "is_active": True,
        }
        rows.append(row)
        if number % _VERSIONED == 5:
            kind = next(t for t in _STORE_TYPES if t != row["store_type"])
            since = date(2025, 1, 1) + timedelta(days=random.randint(0, 300))
            rows.append({**row, "store_type": kind, "effective_date": since})
    return rows


def write_reference(folder: Path, made: Sequence[Product], stores: int) -> None:
    """Write the reference files in place of those that are there."""
    _write(folder / "products.csv", PRODUCTS, product_rows(made))
    _write(folder / "stores.csv", STORES, store_rows(stores))


def _write(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [c.name for c in columns], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({n: str(v).lower() if isinstance(v, bool) else v for n, v in row.items()})
    temporary.replace(path)
