"""Makes the lines of a file: exactly so many, with faults in rows that no other fault touches, and their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from math import pi, sin
from random import Random
from typing import Final

from pipeline_checks.model.clock import now
from pipeline_checks.pipelines.sales.flow.tables import HEADINGS
from pipeline_checks.pipelines.sales.seed.catalogue import CENT, Product, products
from pipeline_checks.pipelines.sales.seed.geography import PLACES, Place
from pipeline_checks.pipelines.sales.seed.truth import Fate, Truth

Row = dict[str, str | None]
"""A line by its headings, as it stands in the file; None is an empty field."""
SEGMENTS: Final = ("Consumer", "Corporate", "Home Office")
SHIP_MODES: Final = ("Standard Class", "Second Class", "First Class", "Same Day")
PRIORITIES: Final = ("Low", "Medium", "High", "Critical")
_QUANTITIES: Final = (40, 25, 15, 8, 5, 3, 2, 1, 0.5, 0.5)
_WITHOUT_DISCOUNT: Final = 0.7
ERRORS: Final = {
    "negative_sales": ("invalid_sales", "Sales"),
    "zero_quantity": ("invalid_quantity", "Quantity"),
    "future_date": ("future_order_date", "Order Date"),
    "invalid_discount": ("invalid_discount", "Discount"),
}
"""What is injected, why such a line is rejected, and because of which column."""
NULLS: Final = ("Customer Name", "Postal Code", "Sub-Category")


@dataclass(frozen=True)
class DataGenerationConfig:
    """What is generated; rates are shares of the rows, and of a row that is picked by one no other makes use.

    Parameters
    ----------
    start_date, end_date:
        Orders fall on these days and those between; the last 30 days by default.
    seasonal_factor:
        How much more is sold on the busiest day of the year than on a usual one, beyond 1.
    today:
        The day on which the file is read: dates of the future lie behind it.
    first_order:
        Number of the first order, so that files do not share orders.
    """

    rows: int
    seed: int = 42
    start_date: date | None = None
    end_date: date | None = None
    num_customers: int = 1000
    num_products: int = 500
    num_stores: int = 50
    avg_items_per_order: float = 2.5
    seasonal_factor: float = 1.2
    error_rate: float = 0.02
    duplicate_rate: float = 0.01
    null_rate: float = 0.005
    first_order: int = 1
    today: date = field(default_factory=lambda: now().date())

    @property
    def last_day(self) -> date:
        """The last day with orders."""
        return self.end_date or self.today

    @property
    def first_day(self) -> date:
        """The first day with orders."""
        return self.start_date or self.last_day - timedelta(days=29)

    def share(self, rate: float) -> int:
        """Return how many of the rows a rate picks, rounded down.

        >>> DataGenerationConfig(500).share(0.005)
        2
        """
        return int(Decimal(self.rows) * Decimal(str(rate)))


@dataclass(frozen=True)
class Generated:
    """The lines of a file in their order, and what must become of each."""

    rows: list[Row]
    truth: Truth
    next_order: int


@dataclass(frozen=True)
class _Customer:
    number: int
    segment: str
    place: Place


def generate(config: DataGenerationConfig, extra: Sequence[Row] = ()) -> Generated:
    """Return exactly ``config.rows`` lines, then ``extra`` ones, which are valid, then the duplicates.

    Equal configurations give equal lines.
    """
    random = Random(f"sales {config.seed}")
    rows, next_order = _orders(config, random)
    nulls, truth = _inject(config, random, rows)
    for row in extra:
        rows.append({**row, "Row ID": str(len(rows) + 1)})
    sources = random.sample(sorted(truth.sound(config.rows) - nulls), config.share(config.duplicate_rate))
    for source in sources:
        rows.append({**rows[source - 1], "Row ID": str(len(rows) + 1)})
        truth.fates[len(rows)] = Fate("duplicate", "duplicate", "product_id", None, source)
    truth.close(rows)
    return Generated(rows, truth, next_order)


def _orders(config: DataGenerationConfig, random: Random) -> tuple[list[Row], int]:
    catalogue = products(config.num_products, config.last_day)
    customers = [
        _Customer(n, random.choice(SEGMENTS), random.choice(PLACES)) for n in range(1, config.num_customers + 1)
    ]
    days = [config.first_day + timedelta(days=n) for n in range((config.last_day - config.first_day).days + 1)]
    swing = config.seasonal_factor - 1
    weights = [1 + swing * sin(2 * pi * day.timetuple().tm_yday / 365) for day in days]
    most = max(1, round(2 * config.avg_items_per_order - 1))
    rows: list[Row] = []
    for number in count(config.first_order):
        if len(rows) >= config.rows:
            return rows, number
        day = random.choices(days, weights)[0]
        customer = random.choice(customers)
        head = _head(number, day, customer, random)
        for product in random.sample(catalogue, min(random.randint(1, most), config.rows - len(rows), len(catalogue))):
            rows.append({**head, **_line(product, day, random), "Row ID": str(len(rows) + 1)})
    raise AssertionError("orders have no end")


def _head(number: int, day: date, customer: _Customer, random: Random) -> Row:
    place = customer.place
    return {
        **dict.fromkeys(HEADINGS),
        "Order ID": f"ORDER_{number:08d}",
        "Order Date": shown(day),
        "Ship Date": shown(day + timedelta(days=random.randint(1, 7))),
        "Ship Mode": random.choice(SHIP_MODES),
        "Customer ID": f"CUST_{customer.number:05d}",
        "Customer Name": f"Customer {customer.number}",
        "Segment": customer.segment,
        "City": place.city,
        "State": place.state,
        "Country": place.country,
        "Postal Code": place.postal_code,
        "Market": place.market,
        "Region": place.region,
        "Order Priority": random.choice(PRIORITIES),
    }


def _line(product: Product, day: date, random: Random) -> Row:
    quantity = random.choices(range(1, 11), _QUANTITIES)[0]
    discount = Decimal(0) if random.random() < _WITHOUT_DISCOUNT else Decimal(random.randint(5, 25)) / 100
    sales = (product.price(day) * quantity * (1 - discount)).quantize(CENT, ROUND_HALF_UP)
    profit = (sales * product.category.margin * Decimal(random.randint(80, 120)) / 100).quantize(CENT, ROUND_HALF_UP)
    return {
        "Product ID": product.product_id,
        "Category": product.category.name,
        "Sub-Category": product.sub_category,
        "Product Name": product.name,
        "Sales": str(sales),
        "Quantity": str(quantity),
        "Discount": str(discount),
        "Profit": str(profit),
        "Shipping Cost": str(Decimal(random.randint(500, 5000)) / 100),
    }


def _inject(config: DataGenerationConfig, random: Random, rows: Sequence[Row]) -> tuple[set[int], Truth]:
    """Put errors and nulls into rows; return the numbers of those with a null, and the truth so far."""
    wanted = config.share(config.error_rate), config.share(config.null_rate)
    picked = random.sample(range(1, config.rows + 1), sum(wanted))
    truth = Truth(config.seed)
    for place, number in enumerate(picked[: wanted[0]]):
        kind = list(ERRORS)[place % len(ERRORS)]
        reason, column = ERRORS[kind]
        _spoil(kind, rows[number - 1], config, random)
        truth.fates[number] = Fate("rejected", reason, HEADINGS[column], rows[number - 1][column])
    for place, number in enumerate(picked[wanted[0] :]):
        row = rows[number - 1]
        column = next(c for c in (NULLS[(place + step) % len(NULLS)] for step in range(3)) if row[c] is not None)
        row[column] = None
        truth.nulls[number] = HEADINGS[column]
    return set(picked[wanted[0] :]), truth


def _spoil(kind: str, row: Row, config: DataGenerationConfig, random: Random) -> None:
    if kind == "negative_sales":
        row["Sales"] = f"-{row['Sales']}"
    elif kind == "zero_quantity":
        row["Quantity"] = "0"
    elif kind == "future_date":
        # Not tomorrow: a file may be made before midnight and read behind it.
        day = max(config.today, config.last_day) + timedelta(days=random.randint(2, 365))
        row["Order Date"], row["Ship Date"] = shown(day), shown(day + timedelta(days=random.randint(1, 7)))
    else:
        row["Discount"] = str(Decimal(random.randint(110, 200)) / 100)


def shown(day: date) -> str:
    """Return a day as files have it.

    >>> shown(date(2024, 2, 29))
    '02/29/2024'
    """
    return day.strftime("%m/%d/%Y")
