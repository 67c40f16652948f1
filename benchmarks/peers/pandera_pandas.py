# mypy: ignore-errors
"""pandera over pandas: columns, nulls of each, unique keys, a range, count and freshness as checks of the frame."""

import datetime
from decimal import Decimal

import pandera.pandas as pa
import pyarrow.parquet as parquet
from deltalake import DeltaTable

COLUMNS = (
    "customer_id", "email", "first_name", "last_name", "country", "balance", "is_active", "created_at", "updated_at",
)  # fmt: skip
LEAST = datetime.datetime(2026, 1, 1)


def check(table: str, rows: int) -> tuple[int, list[str]]:
    """Return how many checks there were and those that failed."""
    frame = parquet.read_table(DeltaTable(table).file_uris()).to_pandas()
    inside = pa.Check(lambda values: (values >= Decimal(0)) & (values <= Decimal(1000000)))
    columns = {
        name: pa.Column(
            None, nullable=False, unique=name == "customer_id", checks=inside if name == "balance" else None
        )
        for name in COLUMNS
    }
    of_frame = [pa.Check(lambda data: len(data) == rows), pa.Check(lambda data: data["updated_at"].max() >= LEAST)]
    try:
        pa.DataFrameSchema(columns, strict=True, checks=of_frame).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as problem:
        return 0, [str(problem)[:500]]
    return len(columns) + 5, []
