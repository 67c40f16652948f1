"""The assets of the shop, as they were before anything was checked."""

import os
from pathlib import Path

import dagster as dg
import polars as pl
from deltalake import write_deltalake


def table(name: str) -> str:
    """Return where a table of the lake lies."""
    return str(Path(os.environ["SHOP_LAKE"]) / name)


@dg.asset(group_name="shop")
def customers() -> None:
    """Who buys."""
    rows = pl.DataFrame(
        {"customer_id": [1, 2, 3], "email": ["ada@shop.example", "bob@shop.example", "cyd@shop.example"]}
    )
    write_deltalake(table("customers"), rows.to_arrow(), mode="overwrite")


@dg.asset(group_name="shop")
def raw_orders() -> None:
    """What was bought, as the cash desks tell it."""
    rows = pl.DataFrame(
        {"order_id": range(1, 101), "customer_id": [1, 2, 3, 1, 2] * 20, "cents": range(100, 10_100, 100)}
    )
    write_deltalake(table("raw_orders"), rows.to_arrow(), mode="overwrite")


@dg.asset(group_name="shop", deps=[raw_orders, customers])
def orders() -> None:
    """What was bought, in euros."""
    raw = pl.read_delta(table("raw_orders"))
    rows = raw.select("order_id", "customer_id", euros=pl.col("cents") / 100)
    write_deltalake(table("orders"), rows.to_arrow(), mode="overwrite")
