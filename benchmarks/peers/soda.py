# mypy: ignore-errors
"""Soda over DuckDB: schema, count, freshness, nulls of every column, duplicate keys and a range, as one contract."""

import os
import tempfile
from pathlib import Path

os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"

import duckdb
from deltalake import DeltaTable
from soda_core.contracts import verify_contract_locally

TYPES = {
    "customer_id": "bigint",
    "email": "varchar",
    "first_name": "varchar",
    "last_name": "varchar",
    "country": "varchar",
    "balance": "decimal",
    "is_active": "boolean",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}


def check(table: str, rows: int) -> tuple[int, list[str]]:
    """Return how many checks there were and those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "v.duckdb"
        with duckdb.connect(str(database)) as connection:
            files = ", ".join(f"'{uri}'" for uri in DeltaTable(table).file_uris())
            connection.execute(f"CREATE VIEW customers AS SELECT * FROM read_parquet([{files}])")
        source, contract = Path(folder) / "source.yml", Path(folder) / "contract.yml"
        source.write_text(f"type: duckdb\nname: bench\nconnection:\n  database: {database}\n")
        contract.write_text(_contract(rows))
        result = verify_contract_locally(
            data_source_file_path=str(source), contract_file_path=str(contract), publish=False
        )
    if result.has_errors:
        raise RuntimeError(result.get_errors_str()[:500])
    found = result.contract_verification_results[0].check_results
    return len(found), [str(c.check.type) for c in found if "PASS" not in str(c.outcome).upper()]


def _contract(rows: int) -> str:
    columns = ""
    for name, kind in TYPES.items():
        columns += f"  - name: {name}\n    data_type: {kind}\n"
        if name == "balance":
            columns += "    valid_min: 0\n    valid_max: 1000000\n"
        columns += "    checks:\n      - missing:\n"
        columns += "      - duplicate:\n" if name == "customer_id" else ""
        columns += "      - invalid:\n" if name == "balance" else ""
    return (
        "dataset: bench/main/customers\nchecks:\n  - schema:\n"
        f"  - row_count:\n      threshold:\n        must_be: {rows}\n"
        "  - freshness:\n      column: updated_at\n      unit: day\n      threshold:\n"
        f"        must_be_less_than: 100000\ncolumns:\n{columns}"
    )
