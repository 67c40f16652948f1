"""Rows that break the tests of the models, one for each test, made of rows that pass them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from pipeline_checks_tests.sales.dbt.warehouse import Warehouse

Change = Mapping[str, Any]

EXPRESSIONS: dict[str, Change] = {
    "stg_sales_raw_gross_is_exact": {"gross_amount": 1},
    "stg_sales_raw_net_follows_from_gross": {"net_amount": 999_999},
    "stg_sales_batch_shipped_after_order": {"ship_date": "2020-01-01"},
    "stg_sales_batch_gross_is_exact": {"gross_amount": 1},
    "stg_products_price_covers_cost": {"unit_cost": 999_999},
    "stg_stores_opened": {"opening_date": "2099-01-01"},
    "dim_date_key_matches_value": {"date_key": 20200102, "date_value": "2020-01-01"},
    "dim_date_weekend_follows_from_weekday": {"is_weekend": True, "day_name": "Monday"},
    "dim_date_has_no_gaps": {"date_value": "2050-01-01"},
    "fact_sales_gross_covers_net": {"gross_sales_amount": 0},
    "fact_sales_amounts_add_up": {"discount_amount": 123},
    "fact_sales_daily_customers_within_transactions": {"unique_customers": 999_999},
}
"""What breaks an expression that holds of every row."""

FACTS: dict[str, Change] = {
    "quantity_is_positive": {"quantity_sold": 0},
    "net_is_positive": {"net_sales_amount": -1},
    "gross_is_positive": {"gross_sales_amount": -1},
    "discount_is_not_negative": {"discount_amount": -1},
    "discount_is_within_gross": {"discount_amount": 999_999},
    "discount_is_a_share": {"discount_pct": 101},
    "margin_is_plausible": {"profit_margin_pct": 99},
    "margin_follows_from_profit": {"profit_margin_pct": 1},
    "cost_and_profit_are_net": {"cost_amount": 999_999},
    "price_times_quantity_is_gross": {"unit_price": 999_999},
    "sale_is_not_from_the_future": {"sale_timestamp": "2027-01-01T00:00:00+00:00"},
    "order_size_follows_from_net": {"order_size": "EXTRA_LARGE"},
    "estimated_profit_is_15_percent": {"is_profit_estimated": True, "profit_amount": 1},
}
"""Rules of the business and what breaks each."""

INTEGRITY: dict[str, tuple[str, Change]] = {
    "date_of_key": ("fact_sales", {"sale_date": "2020-05-05"}),
    "product_of_key": ("fact_sales", {"product_id": "OTHER"}),
    "product_version_of_day": ("fact_sales", {"sale_date": "2020-05-05"}),
    "category_of_product": ("fact_sales", {"category": "OTHER"}),
    "store_of_key": ("fact_sales", {"store_id": "OTHER"}),
    "store_version_of_day": ("fact_sales", {"sale_date": "2019-05-05"}),
    "customer_of_key": ("fact_sales", {"customer_id": "OTHER"}),
    "customer_has_sales": ("dim_customer", {"customer_id": "NOBODY", "customer_key": "nobody"}),
}
"""Rules between facts and dimensions, with the table and what breaks each."""

_FAR_BELOW, _LONG_AGO = -1_000_000, "1999-01-01"


def change_for(test: Mapping[str, Any]) -> Change | None:
    """Return what breaks a test of the manifest; nothing is changed where the same row twice does, None if unknown."""
    generic = test.get("test_metadata")
    if generic is None:
        return None
    name, given = generic["name"], generic["kwargs"]
    column = given.get("column_name")
    if name == "not_null":
        return {column: None}
    if name == "accepted_values":
        return {column: "NOT_ACCEPTED"}
    if name == "value_between":
        return {column: _LONG_AGO if str(given["at_least"]).startswith("date") else _FAR_BELOW}
    if name == "relationships":
        return {column: 19_000_101 if column == "date_key" else "nowhere"}
    if name == "holds":
        return EXPRESSIONS[test["name"]]
    if name in ("unique", "unique_combination", "one_current", "at_most_one_current", "partitions_time"):
        return {}
    return None


def as_tables(warehouse: Warehouse, views: Mapping[str, str]) -> None:
    """Put tables of the same rows in the place of views, given with their schemas."""
    copies = [f"CREATE TABLE public.{view} AS SELECT * FROM {schema}.{view}" for view, schema in views.items()]
    dropped = [f"DROP VIEW IF EXISTS {schema}.{view} CASCADE" for view, schema in views.items()]
    moved = [f"ALTER TABLE public.{view} SET SCHEMA {schema}" for view, schema in views.items()]
    warehouse.execute(*copies, *dropped, *moved)


def plant(warehouse: Warehouse, schema: str, table: str, change: Change) -> None:
    """Put one more row into a table: a row of it with other values, a current one where there are versions."""
    names = {row[0] for row in warehouse.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s", schema, table
    )}  # fmt: skip
    assert set(change) <= names, f"{table} has no {set(change) - names}"
    order = "ORDER BY is_current DESC" if "is_current" in names else ""
    where = sql.Identifier(schema, table)
    statement = sql.SQL(
        "INSERT INTO {} SELECT (jsonb_populate_record(NULL::{}, r || {}::jsonb)).*"
        " FROM ((SELECT to_jsonb(t) AS r FROM {} AS t {} LIMIT 1) UNION ALL SELECT '{{}}') AS rows LIMIT 1"
    ).format(where, where, sql.Literal(json.dumps(dict(change))), where, sql.SQL(order))  # type: ignore[arg-type]
    warehouse.execute(statement)
