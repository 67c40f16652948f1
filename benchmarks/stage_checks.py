"""All checks of one Delta stage of a million rows against one decode of its columns."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
from deltalake import DeltaTable, write_deltalake

from benchmarks.figures import Figure, paired
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.measure import DuplicateKeys, Measure, RowMeasure, StageSchema
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settle import settle_unbound

ROWS = 1_000_000
LIMIT = 2.0

ROWS_SQL = """
SELECT i AS customer_id, 'user' || i || '@example.com' AS email, 'First' || (i % 1000) AS first_name,
       'Last' || (i % 5000) AS last_name, ['DE', 'FR', 'US', 'JP'][1 + i % 4] AS country,
       (hash(i) % 10000000 / 100.0)::DECIMAL(12, 2) AS balance, i % 3 = 0 AS is_active,
       TIMESTAMP '2026-01-01' + to_seconds(i) AS created_at,
       TIMESTAMP '2026-02-01' + to_seconds(i) AS updated_at
FROM range($rows) t(i)
"""

CONTRACT: dict[str, object] = {
    "key": ["customer_id"],
    "event_time": "updated_at",
    "columns": {
        "customer_id": {"type": "int64", "nullable": False, "min": 0},
        "email": {"type": "string", "nullable": False},
        "first_name": {"type": "string", "nullable": False},
        "last_name": {"type": "string", "nullable": False},
        "country": {"type": "string", "nullable": False, "accepted": ["DE", "FR", "US", "JP"]},
        "balance": {"type": "decimal(12,2)", "nullable": False, "min": 0},
        "is_active": {"type": "bool", "nullable": False},
        "created_at": {"type": "timestamp", "nullable": False},
        "updated_at": {"type": "timestamp", "nullable": False},
    },
}


def measure_stage_checks() -> list[Figure]:
    """Return the ratio of reading everything the checks of a stage need to one decode of its columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers"
        for part in range(5):
            rows = duckdb.sql(ROWS_SQL, params={"rows": ROWS}).filter(f"customer_id % 5 = {part}").to_arrow_table()
            write_deltalake(path, rows, mode="append")
        stage = declaration_class("delta_table").model_validate(
            {"name": "customers", "kind": "delta_table", "path": str(path), "contract": CONTRACT}
        )
        files = DeltaTable(path).file_uris()
        work, floor, ratio = paired(lambda: _measure(stage), lambda: _decode(files))
    how = f"counts, schema, duplicates, freshness, nulls, values: {work:.2f} s; decode of 9 columns: {floor:.2f} s"
    return [Figure("checks of an unchanged Delta stage of 1M rows", ratio, "x one decode", LIMIT, detail=how)]


def _measure(stage: StageDeclaration) -> None:
    pipeline = Pipeline(name="benchmark", stages=(stage,))
    pinner = Pinner(pipeline, Options())
    settled = settle_unbound(stage, pinner.reader(stage))
    wanted: set[Measure] = {StageSchema(), DuplicateKeys(stage.contract.key)}
    for check in checks_of(stage):
        wanted |= {m for m in check.measures(stage, check.configure(stage)) if isinstance(m, RowMeasure)}
    values = Measurer(pipeline, pinner).measure(settled, frozenset(wanted))
    failed = [v for v in values.values() if isinstance(v, Exception)]
    if failed:
        raise failed[0]
    pinner.close()


def _decode(files: list[str]) -> None:
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    columns = ", ".join(f"max({name})" for name in CONTRACT["columns"])
    connection.execute(f"SELECT {columns} FROM read_parquet(?)", [files]).fetchall()
    connection.close()
