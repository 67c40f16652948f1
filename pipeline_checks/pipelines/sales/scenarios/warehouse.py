"""Damages of the warehouse behind the backs of the loader and of dbt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.expectation import ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.faults.warehouse_rows import WarehouseRows
from pipeline_checks.pipelines.sales.scenarios.words import (
    CUSTOMERS,
    DAILY,
    FACT,
    RAW,
    of_keys,
    position,
    scenario,
    totals,
)

_BOUGHT_TWICE = """customer_id IN (
    SELECT customer_id FROM marts.fact_sales GROUP BY customer_id HAVING count(*) > 1
) AND (order_date, 1) NOT IN (SELECT max(order_date), 1 FROM raw.sales_batch_raw)"""
"""Without it neither a customer nor a day disappears."""
_LOST_LOAD = WarehouseRows("lost_row", "A row is deleted", "gone", which=_BOUGHT_TWICE)
_CENT = WarehouseRows("cent_off", "Sales are changed by 0.01", "instead", column="sales", value="sales + 0.01")
_BATCH = "source_system = 'BATCH'"
_LOST_FACT = WarehouseRows("lost_row", "A row is deleted", "gone", which=_BATCH)
_FACT_CENT = WarehouseRows(
    "cent_off",
    "A profit is changed by 0.01",
    "instead",
    which=_BATCH,
    column="profit_amount",
    value="profit_amount + 0.01",
)
_DAILY_CENT = WarehouseRows(
    "cent_off", "A day's net is changed by 0.01", "instead", column="total_net_amount", value="total_net_amount + 0.01"
)
_LOST_CUSTOMER = WarehouseRows("lost_row", "A row is deleted", "gone", which="total_orders = 1")
_AGAIN = WarehouseRows("doubled_row", "A row is written a second time", "again", which=_BATCH)


def warehouse() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield scenario(_LOST_LOAD, RAW, _lost_load, (FACT,))
    yield scenario(_CENT, RAW, _cent, (FACT,))
    yield scenario(_LOST_FACT, FACT, _lost_fact, (DAILY,))
    yield scenario(_FACT_CENT, FACT, _fact_cent, (DAILY,))
    yield scenario(_AGAIN, FACT, _doubled_fact, (DAILY,))
    yield scenario(_DAILY_CENT, DAILY, lambda i: totals("changed", DAILY, _group(i.facts["row"])))
    yield scenario(_LOST_CUSTOMER, CUSTOMERS, _lost_customer, (FACT,))


def _lost_load(injury: Injury) -> Iterator[ExpectedFinding]:
    at = position(injury.facts["row"])
    yield from of_keys("counts", "missing", injury)
    yield from totals("missing", RAW, *injury.keys)
    key = {"source_system": "BATCH", "source_position": at}
    yield finding(FACT, "fates", "unexpected", detail="fate", key=key)
    yield from totals("unexpected", FACT, {"source_position": at})


def _cent(injury: Injury) -> Iterator[ExpectedFinding]:
    yield from of_keys("reconcile", "changed", injury)
    yield from totals("changed", RAW, *injury.keys)
    yield from totals("changed", FACT, {"source_position": position(injury.facts["row"])})


def _lost_fact(injury: Injury) -> Iterator[ExpectedFinding]:
    row = injury.facts["row"]
    key = {name: row[name] for name in ("source_system", "source_position")}
    yield finding(FACT, "fates", "missing", detail="fate", key=key)
    yield finding(DAILY, "fates", "unexpected", detail="fate", key=_of_day(row))
    yield from totals("changed", DAILY, _group(row))


def _fact_cent(injury: Injury) -> Iterator[ExpectedFinding]:
    row = injury.facts["row"]
    yield from totals("changed", FACT, {"source_position": row["source_position"]})
    yield from totals("changed", DAILY, _group(row))


def _doubled_fact(injury: Injury) -> Iterator[ExpectedFinding]:
    row = injury.facts["row"]
    key = {name: row[name] for name in ("source_system", "source_position")}
    yield from of_keys("duplicates", "duplicate", injury, "business")
    yield finding(FACT, "fates", "duplicate", detail="fate", key=key)
    yield from totals("changed", FACT, _group(row))
    yield from totals("changed", DAILY, _group(row))


def _lost_customer(injury: Injury) -> Iterator[ExpectedFinding]:
    row = injury.facts["row"]
    yield finding(CUSTOMERS, "fates", "missing", detail="fate", key={"customer_id": row["customer_id"]})
    for key in _sales_of(row["customer_key"]):
        yield finding(FACT, "references", "dangling_reference", detail="customer_key", key={"sales_key": key})


def _sales_of(customer: str) -> list[str]:
    with connect(setting("SALES_WAREHOUSE_URL")) as connection, translated("reading the sales of a customer"):
        rows = connection.execute("SELECT sales_key FROM marts.fact_sales WHERE customer_key = %s", [customer])
        return [str(key) for (key,) in rows.fetchall()]


def _of_day(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("date_key", "product_key", "store_key")}


def _group(row: dict[str, Any]) -> dict[str, Any]:
    return {"day": row["sale_date"], "category": row["category"]}
