# mypy: ignore-errors
"""pandera over polars: types, nulls, unique keys, a range; count and freshness as checks of the frame."""

import datetime
from decimal import Decimal

import pandera.polars as pa
import polars as pl
from deltalake import DeltaTable

TYPES = {
    "customer_id": pl.Int64,
    "email": pl.String,
    "first_name": pl.String,
    "last_name": pl.String,
    "country": pl.String,
    "balance": pl.Decimal(12, 2),
    "is_active": pl.Boolean,
    "created_at": pl.Datetime("us"),
    "updated_at": pl.Datetime("us"),
}
BOUNDS = (Decimal(0), Decimal(1000000))
LEAST = datetime.datetime(2026, 1, 1)


def check(table: str, rows: int) -> tuple[int, list[str]]:
    """Return how many checks there were and those that failed."""
    frame = pl.scan_parquet(DeltaTable(table).file_uris()).collect()
    inside = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_between(*BOUNDS)))
    columns = {
        name: pa.Column(
            kind, nullable=False, unique=name == "customer_id", checks=inside if name == "balance" else None
        )
        for name, kind in TYPES.items()
    }
    of_frame = [
        pa.Check(lambda data: data.lazyframe.select(pl.len() == rows)),
        pa.Check(lambda data: data.lazyframe.select(pl.col("updated_at").max() >= LEAST)),
    ]
    try:
        pa.DataFrameSchema(columns, strict=True, checks=of_frame).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as problem:
        return 0, [str(problem)[:500]]
    return 2 * len(columns) + 4, []
