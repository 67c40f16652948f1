"""Real tables of both lakes on the local disk, declared as stages of a small pipeline."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from pipeline_checks.faults.fault import Target
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.definition import build_pipeline

TOPIC = "shop.orders"
SCHEMA = pa.schema(
    [
        pa.field("order_id", pa.int64()),
        pa.field("amount", pa.decimal128(10, 2)),
        pa.field("status", pa.string()),
        pa.field("remark", pa.string()),
        pa.field("ordered_at", pa.timestamp("us")),
    ]
)


def orders(*keys: int, status: str = "new") -> pa.Table:
    """Return orders with these keys."""
    rows = [
        {"order_id": k, "amount": Decimal(k) + Decimal("0.37"), "status": status, "remark": f"n{k}", "ordered_at": k}
        for k in keys
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def covers(offset: int) -> str:
    """Return what a commit says that it covers."""
    return json.dumps({TOPIC: {"0": offset}})


def pipeline(folder: Path) -> Pipeline:
    """Return a pipeline with the table of orders in both lakes."""
    contract = {
        "key": ["order_id"],
        "columns": {
            "order_id": "int64",
            "amount": "decimal(10,2)",
            "status": {"type": "string", "accepted": ["new", "old"]},
            "remark": "string",
            "ordered_at": "timestamp",
        },
    }
    common: dict[str, Any] = {"covers": {"commit_metadata": "covers"}, "contract": contract}
    catalog = {"name": "shop", "url": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}
    stages = [
        {"name": "delta_orders", "kind": "delta_table", "path": str(folder / "orders"), **common},
        {"name": "iceberg_orders", "kind": "iceberg_table", "catalog": catalog, "table": "shop.orders", **common},
    ]
    return build_pipeline({"name": "shop", "stages": stages})


def target(folder: Path, stage: str) -> Target:
    """Return a stage as the target of a fault; its table holds two versions of ten rows, and one that is gone."""
    first, second = orders(*range(1, 12)), orders(*range(1, 11), status="old")
    if stage == "delta_orders":
        for number, rows in enumerate((first, second)):
            said = {"userMetadata": json.dumps({"covers": json.loads(covers(number + 1))})}
            properties = CommitProperties(custom_metadata=said)
            write_deltalake(folder / "orders", rows, mode="overwrite", commit_properties=properties)
    else:
        found = SqlCatalog("shop", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
        found.create_namespace("shop")
        table = found.create_table("shop.orders", SCHEMA)
        table.append(first, snapshot_properties={"covers": covers(1)})
        table.overwrite(second, snapshot_properties={"covers": covers(2)})
    return Target(pipeline(folder), stage)
