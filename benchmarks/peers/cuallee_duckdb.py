# mypy: ignore-errors
# ruff: noqa: E402
"""cuallee over DuckDB: nulls of every column, unique keys and a range. It has no count, schema or freshness there."""

import warnings

warnings.filterwarnings("ignore")

import duckdb
from cuallee import Check, CheckLevel
from deltalake import DeltaTable

COLUMNS = (
    "customer_id", "email", "first_name", "last_name", "country", "balance", "is_active", "created_at", "updated_at",
)  # fmt: skip


def check(table: str, rows: int) -> tuple[int, list[str]]:
    """Return how many checks there were and those that failed."""
    with duckdb.connect() as connection:
        files = ", ".join(f"'{uri}'" for uri in DeltaTable(table).file_uris())
        connection.execute(f"CREATE VIEW customers AS SELECT * FROM read_parquet([{files}])")
        promised = Check(CheckLevel.WARNING, "bench", table_name="customers")
        for name in COLUMNS:
            promised = promised.is_complete(name)
        promised = promised.is_unique("customer_id").is_between("balance", (0, 1000000))
        found = promised.validate(connection)
    told = found.to_dict("records") if hasattr(found, "to_dict") else found.to_pylist()
    if {row["rows"] for row in told} != {rows}:
        raise RuntimeError(f"cuallee looked at other rows than {rows}: {told[0]}")
    return len(told), [f"{row['rule']} {row['column']}" for row in told if row["status"] != "PASS"]
