"""Store events: made by rule from a seed, each from its number alone, so that a sending can go on at any of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.reading.reference import read_reference
from pipeline_checks.pipelines.sales.flow.sending.messages import Outgoing
from pipeline_checks.pipelines.sales.flow.tables import DUPLICATE, PRODUCTS, STORES

PAYMENTS: Final = ("Credit Card", "Debit Card", "Cash", "Digital Wallet")
_QUANTITIES: Final = (50, 25, 15, 7, 3)
_WITHOUT_DISCOUNT: Final = 0.7
_SPAN: Final = timedelta(hours=1)
"""The events of one sending happened within so long before it began."""
_LOSSES: Final = ("payment_method", "discount", "store_location")
_DAMAGES: Final = (
    ("unit_price", "invalid_sales"),
    ("quantity", "invalid_quantity"),
    ("product_id", "missing_product_id"),
)


@dataclass(frozen=True)
class EventPlan:
    """What events are made; rates are shares of the count, and no event has two faults.

    Parameters
    ----------
    missing_rate:
        Events that lack payment method, discount or location; they are valid.
    duplicate_rate:
        Events that repeat an earlier one under its id.
    invalid_rate:
        Events with a negative price, a quantity of zero or no product.
    """

    count: int | None
    seed: int = 42
    missing_rate: float = 0.0
    duplicate_rate: float = 0.0
    invalid_rate: float = 0.0

    @property
    def name(self) -> str:
        """The name under which they are sent; another plan has another one."""
        return f"store_events-{uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(asdict(self).items()))).hex[:12]}"

    def faults(self) -> dict[int, tuple[str, str]]:
        """Return by number what is wrong with an event: the kind and the field, or the number that it repeats."""
        if self.count is None:
            return {}
        whole = Decimal(self.count)
        wanted = [int(whole * Decimal(str(r))) for r in (self.missing_rate, self.duplicate_rate, self.invalid_rate)]
        random = Random(f"{self.seed} faults")
        picked = random.sample(range(1, self.count + 1), sum(wanted))
        missing, duplicates, invalid = (
            picked[: wanted[0]],
            picked[wanted[0] : sum(wanted[:2])],
            picked[sum(wanted[:2]) :],
        )
        found: dict[int, tuple[str, str]] = {n: ("missing", _LOSSES[i % 3]) for i, n in enumerate(missing)}
        found |= {n: ("invalid", _DAMAGES[i % 3][0]) for i, n in enumerate(invalid)}
        sound = sorted(set(range(1, self.count + 1)) - set(picked))
        for number in duplicates:
            before = [n for n in sound if n < number]
            if before:
                found[number] = (DUPLICATE, str(random.choice(before)))
        return found


@dataclass(frozen=True)
class Catalogue:
    """Products and stores that events speak of."""

    products: Sequence[dict[str, Any]]
    stores: Sequence[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path, on: date) -> Catalogue:
        """Return the versions of the reference files that hold on a day."""
        products, stores = (
            read_reference(folder / "products.csv", PRODUCTS),
            read_reference(folder / "stores.csv", STORES),
        )
        return cls(_current(products, "product_id", on), _current(stores, "store_id", on))


def events(plan: EventPlan, catalogue: Catalogue, before: datetime, first: int = 1) -> Iterator[Outgoing]:
    """Yield the events from the number ``first`` on; those without an end go on for ever.

    ``before`` is when the sending began: the events happened in the hour before it.
    """
    faults, number = plan.faults(), first
    while plan.count is None or number <= plan.count:
        kind, what = faults.get(number, ("", ""))
        event = _event(plan, catalogue, before, int(what) if kind == DUPLICATE else number)
        if kind == "missing":
            del event[what]
        elif kind == "invalid":
            event[what] = {"unit_price": -event["unit_price"], "quantity": 0, "product_id": None}[what]
        yield Outgoing(number, event["order_id"], event)
        number += 1


def truth(plan: EventPlan) -> dict[str, Any]:
    """Return what must become of the events: counts, and by number those that are rejected and those that lack a field.

    An endless plan has none.
    """
    faults = plan.faults()
    rejected = [_rejected(n, k, w) for n, (k, w) in sorted(faults.items()) if k != "missing"]
    nulls = [{"number": n, "column": w} for n, (k, w) in sorted(faults.items()) if k == "missing"]
    duplicates = sum(r["fate"] == "duplicate" for r in rejected)
    count = plan.count or 0
    counts = {
        "messages": count,
        "silver": count - len(rejected),
        "rejected": len(rejected) - duplicates,
        "duplicate": duplicates,
        "nulls": len(nulls),
    }
    return {"source_file": plan.name, "plan": asdict(plan), "counts": counts, "records": rejected, "nulls": nulls}


def _rejected(number: int, kind: str, what: str) -> dict[str, Any]:
    if kind == DUPLICATE:
        return {"number": number, "fate": DUPLICATE, "reason": DUPLICATE, "of": int(what)}
    return {"number": number, "fate": "rejected", "reason": dict(_DAMAGES)[what], "column": what}


def _event(plan: EventPlan, catalogue: Catalogue, before: datetime, number: int) -> dict[str, Any]:
    random = Random(f"{plan.seed} event {number}")
    product, store = random.choice(catalogue.products), random.choice(catalogue.stores)
    quantity = random.choices(range(1, 6), _QUANTITIES)[0]
    discount = Decimal(0) if random.random() < _WITHOUT_DISCOUNT else Decimal(random.randint(5, 25)) / 100
    price = product["unit_price"]
    total = (price * quantity * (1 - discount)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    share = random.random() if plan.count is None else number / (plan.count + 1)
    return {
        "order_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "store_id": store["store_id"],
        "product_id": product["product_id"],
        "product_name": product["product_name"],
        "category": product["category"],
        "quantity": quantity,
        "unit_price": float(price),
        "total_price": float(total),
        "sale_timestamp": (before - _SPAN * (1 - share)).isoformat(timespec="milliseconds"),
        "customer_id": f"CUST_{random.randint(1, 1000):05d}",
        "payment_method": random.choice(PAYMENTS),
        "discount": float(discount),
        "store_location": store["city"],
    }


def _current(rows: Sequence[dict[str, Any]], key: str, on: date) -> list[dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (r[key], r["effective_date"])):
        if row["effective_date"] <= on or row[key] not in newest:
            newest[row[key]] = row
    return [row for row in newest.values() if row["is_active"]]
