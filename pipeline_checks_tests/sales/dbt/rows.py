"""Rows of the raw tables, made without a generator: every value follows from the row's number."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

FIRST_DAY = date(2026, 11, 1)
TAKEN_IN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def line(number: int, **changes: Any) -> dict[str, Any]:
    """Return an order line: two lines an order, ten products, a discount on every third, prices that leave cents."""
    product, quantity = number % 10, 1 + number % 7
    discount = Decimal("0.15") if number % 3 == 0 else Decimal(0)
    sales = ((Decimal("19.99") + product) * quantity * (1 - discount)).quantize(Decimal("0.01"))
    day = FIRST_DAY + timedelta(days=number % 12)
    row = {
        "source_row_id": number,
        "order_id": f"ORDER_{number // 2:08d}",
        "order_date": day,
        "ship_date": day + timedelta(days=number % 4),
        "ship_mode": "Standard Class",
        "customer_id": f"CUST_{number % 25:05d}",
        "customer_name": f"Customer {number % 25}",
        "segment": ("Consumer", "Corporate", "Home Office")[number % 3],
        "city": "New York",
        "state": "New York",
        "country": "United States",
        "postal_code": "08701",
        "market": "US",
        "region": "East",
        "product_id": f"BOOKS_FICTION_{product:03d}",
        "category": "BOOKS",
        "sub_category": "FICTION",
        "product_name": f"Fiction Model {product}",
        "sales": sales,
        "quantity": quantity,
        "discount": discount,
        "profit": (sales * Decimal("0.4")).quantize(Decimal("0.01")),
        "shipping_cost": Decimal("7.50"),
        "order_priority": "Medium",
        "is_sales_outlier": False,
        "source_system": "BATCH",
        "source_file": "orders.csv",
        "source_row_number": number,
        "run_id": "run",
        "ingestion_timestamp": TAKEN_IN,
        "source_topic": "sales_lines",
        "source_partition": number % 3,
        "source_offset": number,
    }
    return row | changes


def event(number: int, **changes: Any) -> dict[str, Any]:
    """Return a store event, one for each hour of the day in turn."""
    quantity, price = 1 + number % 5, Decimal("12.49") + number % 9
    discount = Decimal("0.1") if number % 4 == 0 else Decimal(0)
    row = {
        "order_id": f"{number:08X}-0000-4000-8000-000000000000",
        "store_id": f"STORE_{1 + number % 3:03d}",
        "product_id": f"BOOKS_FICTION_{number % 10:03d}",
        "product_name": f"Fiction Model {number % 10}",
        "category": "Books",
        "quantity": quantity,
        "unit_price": price,
        "total_price": (price * quantity * (1 - discount)).quantize(Decimal("0.01")),
        "sale_timestamp": datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=number % 240),
        "customer_id": f"CUST_{number % 25:05d}",
        "payment_method": ("Credit Card", "Debit Card", "Cash", "Digital Wallet")[number % 4],
        "discount": discount,
        "store_location": "New York",
        "source_system": "KAFKA",
        "ingestion_timestamp": TAKEN_IN,
        "source_topic": "sales_events",
        "source_partition": number % 3,
        "source_offset": number,
    }
    return row | changes


def product(number: int, effective: date = date(2024, 1, 1), **changes: Any) -> dict[str, Any]:
    """Return a version of a product."""
    row = {
        "product_id": f"BOOKS_FICTION_{number:03d}",
        "product_name": f"Fiction Model {number}",
        "category": "Books",
        "sub_category": "Fiction",
        "brand": "Acme",
        "unit_cost": Decimal("6.00") + number,
        "unit_price": Decimal("12.00") + number,
        "effective_date": effective,
        "is_active": True,
    }
    return row | changes


def store(number: int, effective: date = date(2024, 1, 1), **changes: Any) -> dict[str, Any]:
    """Return a version of a store."""
    row = {
        "store_id": f"STORE_{number:03d}",
        "store_name": f"Store {number}",
        "location": "Downtown",
        "city": "New York",
        "state": "New York",
        "country": "United States",
        "region": "East",
        "store_type": "Flagship",
        "opening_date": date(2020, 5, 1),
        "effective_date": effective,
        "is_active": True,
    }
    return row | changes


def references() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return ten products, one of them in three versions of which two lie within the sales, and three stores."""
    products = [product(n) for n in range(10)]
    products += [product(3, date(2026, 11, 4), unit_price=Decimal("17.00")), product(3, date(2026, 11, 8))]
    return products, [*(store(n) for n in (1, 2, 3)), store(2, date(2026, 11, 5), city="Boston")]
