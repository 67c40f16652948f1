"""Real Delta tables on the local disk for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake

TOPIC = "shop.customers"


def customers(*ids: int) -> pa.Table:
    """Return rows with these keys."""
    return pa.table({"customer_id": pa.array(ids, pa.int64()), "name": pa.array([f"n{i}" for i in ids], pa.string())})


def said(offsets: dict[int, int] | None = None, **more: Any) -> CommitProperties:
    """Return the properties of a commit that says what it covers, as a mover writes them."""
    told: dict[str, Any] = dict(more)
    if offsets is not None:
        told["covers"] = {TOPIC: {str(p): o for p, o in offsets.items()}}
    return CommitProperties(custom_metadata={"userMetadata": json.dumps(told)})


def append(path: Path, rows: pa.Table, properties: CommitProperties | None = None) -> None:
    """Commit rows."""
    write_deltalake(path, rows, mode="append", commit_properties=properties)


def advance(path: Path, properties: CommitProperties) -> None:
    """Commit nothing but metadata, as a mover does that had no change to apply."""
    table = DeltaTable(path)
    table.create_write_transaction([], "append", table.schema(), commit_properties=properties)
