"""The definitions of the project, with the checks of three of its assets."""

from pathlib import Path

import dagster as dg

from pipeline_checks import checks_for, load_pipeline
from shop import assets

ORDERS = load_pipeline("shop", Path(__file__).parent.parent)

defs = dg.Definitions.merge(
    dg.Definitions(assets=[assets.customers, assets.raw_orders, assets.orders]),
    # An asset by itself: what it holds is said here.
    checks_for(
        assets.customers,
        {
            "kind": "delta_table",
            "path": {"env": "SHOP_LAKE"},
            "table": "customers",
            "contract": {"schema": "shop.contracts:Customers"},
        },
    ),
    # Assets that are made from each other: stages of a pipeline that defs/shop/defs.yaml declares.
    checks_for(assets.raw_orders, "raw_orders", ORDERS),
    checks_for(assets.orders, "orders", ORDERS),
)
