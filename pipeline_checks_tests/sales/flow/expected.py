"""What the ETL must make of a line or an event: written a second time, in Python's decimals, from what is promised."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.tables import HEADINGS

TEXTS: Final = (
    *("order_id", "ship_mode", "customer_id", "customer_name", "segment", "city", "state", "country", "postal_code"),
    *("market", "region", "product_id", "category", "sub_category", "product_name", "order_priority"),
)
_PAIRS: Final = {("Tokyo", "United States"), ("London", "France"), ("Paris", "Germany")}


def text(value: str | None) -> str | None:
    return " ".join(re.split(r"[ \t\r\n]+", value or "")).strip(" ") or None


def decimal(value: str | None, whole: int, scale: int) -> Decimal | None:
    found = re.fullmatch(r"[+-]?(\d+)(?:\.(\d+))?", (value or "").strip(" "), re.ASCII)
    if not found or len(found[1]) > whole or (value or "").strip().endswith("."):
        return None
    if len((found[2] or "").rstrip("0")) > scale:
        return None
    return Decimal((value or "").strip()).quantize(Decimal(1).scaleb(-scale))


def whole(value: str | None) -> int | None:
    stripped = (value or "").strip(" ")
    return int(stripped) if re.fullmatch(r"[+-]?[0-9]{1,18}", stripped) else None


def day(value: str | None) -> date | None:
    if not re.fullmatch(r"\d{2}/\d{2}/\d{4}", (value or "").strip(" ")):
        return None
    try:
        return datetime.strptime((value or "").strip(" "), "%m/%d/%Y").date()
    except ValueError:
        return None


def silver(row: Mapping[str, str | None], number: int, file: str) -> dict[str, Any]:
    """Return the columns of silver that follow from the line, for one that is valid."""
    raw = {name: row[heading] for heading, name in HEADINGS.items()}
    made: dict[str, Any] = {name: text(raw[name]) for name in TEXTS}
    for name in ("category", "sub_category"):
        made[name] = made[name].upper() if made[name] else None
    sales, quantity = decimal(raw["sales"], 8, 2), whole(raw["quantity"])
    profit = decimal(raw["profit"], 8, 2)
    assert sales is not None and quantity is not None
    identity = whole(raw["row_id"])
    parts = "||".join((str(identity), str(made["order_id"]), str(made["product_id"]), "BATCH"))
    return {
        **made,
        "source_row_id": identity,
        "order_date": day(raw["order_date"]),
        "ship_date": day(raw["ship_date"]),
        "sales": sales,
        "quantity": quantity,
        "discount": decimal(raw["discount"], 1, 4),
        "profit": profit,
        "shipping_cost": decimal(raw["shipping_cost"], 8, 2),
        "unit_price": (sales / quantity).quantize(Decimal("0.0001"), ROUND_HALF_UP),
        "profit_margin": None if profit is None else (profit / sales).quantize(Decimal("0.000001"), ROUND_HALF_UP),
        "is_sales_outlier": sales > 10_000,
        "geo_quality_flag": "INVALID_CITY_COUNTRY" if (made["city"], made["country"]) in _PAIRS else "VALID",
        "source_system": "BATCH",
        "source_file": file,
        "source_row_number": number,
        "row_id": hashlib.sha256(parts.encode()).hexdigest(),
        "partition_date": day(raw["order_date"]),
    }


def event(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of silver that follow from a valid event."""
    at = datetime.fromisoformat(body["sale_timestamp"]).astimezone(UTC)
    texts = ("order_id", "store_id", "product_id", "product_name", "customer_id", "payment_method", "store_location")
    discount = body.get("discount")
    return {
        **{name: text(body.get(name)) for name in texts},
        "category": str(text(body["category"])).upper(),
        "quantity": body["quantity"],
        "unit_price": decimal(str(body["unit_price"]), 8, 2),
        "total_price": decimal(str(body["total_price"]), 8, 2),
        "discount": None if discount is None else decimal(str(discount), 1, 4),
        "sale_timestamp": at,
        "partition_date": at.date(),
        "source_system": "KAFKA",
    }
