"""Counts and checks from the metadata of lake tables against reading that metadata alone, and against one decode."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from benchmarks.figures import Figure, paired
from benchmarks.stage_checks import ROWS_SQL
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.measure import DuplicateKeys, Measure, RowCount, RowMeasure, StageSchema
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settle import settle_unbound

ROWS, FILES = 1_000_000, 20
COUNT_LIMIT, CHECKS_LIMIT = 2.0, 0.6

_EXACT: dict[str, object] = {
    "key": ["customer_id"],
    "columns": {
        "customer_id": {"type": "int64", "nullable": False, "min": 0},
        "email": {"type": "string", "nullable": False},
        "first_name": {"type": "string", "nullable": False},
        "last_name": {"type": "string", "nullable": False},
        "country": {"type": "string", "nullable": False},
        "balance": {"type": "decimal(12,2)", "nullable": False, "min": 0, "max": 1000000},
        "is_active": {"type": "bool", "nullable": False},
        "created_at": {"type": "timestamp", "nullable": False, "min": "2026-01-01"},
        "updated_at": {"type": "timestamp", "nullable": False},
    },
}
"""Promises that the statistics of the table prove, apart from the key: which are doubled no statistics tell."""


def measure_metadata() -> list[Figure]:
    """Return the figures for a Delta and an Iceberg table of a million rows in twenty files."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_of_delta(Path(folder) / "delta"), *_of_iceberg(Path(folder) / "iceberg")]


def _of_delta(path: Path) -> list[Figure]:
    for part in _parts():
        write_deltalake(path, part, mode="append")
    declared = {"name": "customers", "kind": "delta_table", "path": str(path), "contract": _EXACT}
    return _figures("Delta", "delta-rs", declared, lambda: _read_log(path), DeltaTable(path).file_uris())


def _read_log(path: Path) -> int:
    files = pa.table(DeltaTable(path).get_add_actions())
    return sum(files.column("num_records").to_pylist())


def _of_iceberg(folder: Path) -> list[Figure]:
    folder.mkdir()
    url, warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
    catalog = SqlCatalog("bench", uri=url, warehouse=warehouse)
    catalog.create_namespace("shop")
    for part in _parts():
        catalog.create_table_if_not_exists("shop.customers", part.schema).append(part)
    files = [task.file.file_path for task in catalog.load_table("shop.customers").scan().plan_files()]
    catalog.close()
    declared = {
        "name": "customers",
        "kind": "iceberg_table",
        "table": "shop.customers",
        "catalog": {"name": "bench", "url": url, "warehouse": warehouse},
        "contract": _EXACT,
    }
    reader = SqlCatalog("bench", uri=url, warehouse=warehouse)
    return _figures("Iceberg", "pyiceberg", declared, lambda: reader.load_table("shop.customers").scan().count(), files)


def _parts() -> list[pa.Table]:
    rows = duckdb.sql(ROWS_SQL, params={"rows": ROWS}).to_arrow_table()
    return [rows.slice(i * ROWS // FILES, ROWS // FILES) for i in range(FILES)]


def _figures(
    format_: str, reader: str, declared: dict[str, Any], read: Callable[[], int], files: list[str]
) -> list[Figure]:
    stage = declaration_class(str(declared["kind"])).model_validate(declared)
    rows: frozenset[Measure] = frozenset({RowCount()})
    counted, log, count_ratio = paired(lambda: _measure(stage, rows), read)
    wanted, doubled = _promised(stage), frozenset({DuplicateKeys(stage.contract.key)})
    _measure(stage, wanted - doubled)
    checked, decode, check_ratio = paired(lambda: _measure(stage, wanted, doubled), lambda: _decode(files))
    return [
        Figure(
            f"count of a {format_} table of {FILES} files from metadata",
            count_ratio,
            f"x the read of {reader}",
            COUNT_LIMIT,
            detail=f"{counted * 1000:.1f} ms; {reader} alone: {log * 1000:.1f} ms",
        ),
        Figure(
            f"checks of a {format_} stage of 1M rows that statistics prove",
            check_ratio,
            "x one decode",
            CHECKS_LIMIT,
            detail=f"counts, schema, duplicates, nulls, values: {checked:.3f} s; decode of 9 columns: {decode:.3f} s",
        ),
    ]


def _promised(stage: StageDeclaration) -> frozenset[Measure]:
    wanted: set[Measure] = {StageSchema(), DuplicateKeys(stage.contract.key)}
    for check in checks_of(stage):
        wanted |= {m for m in check.measures(stage, check.configure(stage)) if isinstance(m, RowMeasure)}
    return frozenset(wanted)


def _measure(stage: StageDeclaration, wanted: frozenset[Measure], scanned: frozenset[Measure] = frozenset()) -> None:
    """Answer the measures; raises RuntimeError when one is not told by metadata that is not among ``scanned``."""
    pipeline = Pipeline(name="benchmark", stages=(stage,))
    pinner = Pinner(pipeline, Options())
    settled = settle_unbound(stage, pinner.reader(stage))
    measurer = Measurer(pipeline, pinner)
    values = measurer.measure(settled, wanted - scanned, cheaply=True)
    values |= measurer.measure(settled, scanned)
    failed = [v for v in values.values() if isinstance(v, Exception)]
    if failed:
        raise failed[0]
    if values.keys() != wanted:
        raise RuntimeError(f"metadata does not tell {wanted - values.keys()}")
    pinner.close()


def _decode(files: list[str]) -> None:
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    columns = ", ".join(f"max({name})" for name in _EXACT["columns"])  # type: ignore[attr-defined]
    connection.execute(f"SELECT {columns} FROM read_parquet(?)", [files]).fetchall()
    connection.close()
