"""All checks of one Delta stage against one decode of its columns, and against other tools on the same table."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as parquet
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from benchmarks.figures import Figure, paired, seconds_of
from benchmarks.peers.environment import FOLDER, peers_python
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.measure import DuplicateKeys, Measure, RowMeasure, StageSchema
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settle import settle_unbound

LIMIT = 1.5
FILES = 5
PEERS = {
    "Soda 4 on DuckDB": ("soda", "soda-duckdb", "all"),
    "pandera on polars": ("pandera_polars", "pandera", "all"),
    "pandera on pandas": ("pandera_pandas", "pandera", "all"),
    "cuallee on DuckDB": ("cuallee_duckdb", "cuallee", "all but count, schema and freshness, which it has not"),
    "Great Expectations on pandas": ("gx_pandas", "great_expectations", "all"),
}
"""The module that makes the checks, the requirement it needs, and which of the checks it can make, by tool."""
_PATIENCE = 900.0

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


def measure_stage_checks(rows: int = 1_000_000) -> list[Figure]:
    """Return the ratios of making all checks of a stage to one decode of its columns, and to each of the peers."""
    size = f"{rows // 10**6}M rows"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers"
        for part in range(FILES):
            made = duckdb.sql(ROWS_SQL, params={"rows": rows})
            assert made is not None
            write_deltalake(path, made.filter(f"customer_id % {FILES} = {part}").to_arrow_reader(), mode="append")
        stage = declaration_class("delta_table").model_validate(
            {"name": "customers", "kind": "delta_table", "path": str(path), "contract": CONTRACT}
        )
        figures = [_against_decode(f"checks of a Delta stage of {size}", stage, DeltaTable(path).file_uris())]
        figures.append(_against_decode(f"checks of an Iceberg stage of {size}", *_iceberg(Path(folder), path)))
        python, problems = peers_python()
        for name, (module, requirement, which) in PEERS.items():
            lost = next((p for r, p in problems.items() if r.startswith(requirement)), None)
            before = seconds_of(lambda: _measure(stage))
            figures.append(_against(name, module, which, python, lost, path, rows, stage, before))
    return figures


def measure_stage_checks_large() -> list[Figure]:
    """Return the same of ten million rows."""
    return measure_stage_checks(10_000_000)


def _against_decode(work: str, stage: StageDeclaration, files: list[str]) -> Figure:
    seconds, floor, ratio = paired(lambda: _measure(stage), lambda: _decode(files))
    how = f"counts, schema, duplicates, freshness, nulls, values: {seconds:.2f} s; decode of 9 columns: {floor:.2f} s"
    return Figure(work, ratio, "x one decode", LIMIT, detail=how)


def _iceberg(folder: Path, delta: Path) -> tuple[StageDeclaration, list[str]]:
    """Return a stage of the rows of a Delta table in an Iceberg table, file by file, and the files of that."""
    given = {"name": "bench", "url": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}
    catalog = SqlCatalog("bench", uri=given["url"], warehouse=given["warehouse"])
    catalog.create_namespace("shop")
    for file in DeltaTable(delta).file_uris():
        rows = parquet.read_table(file)
        catalog.create_table_if_not_exists("shop.customers", rows.schema).append(rows)
    files = [task.file.file_path for task in catalog.load_table("shop.customers").scan().plan_files()]
    catalog.close()
    stage = declaration_class("iceberg_table").model_validate(
        {"name": "ice", "kind": "iceberg_table", "table": "shop.customers", "catalog": given, "contract": CONTRACT}
    )
    return stage, files


def _against(
    name: str,
    module: str,
    which: str,
    python: Path,
    lost: str | None,
    path: Path,
    rows: int,
    stage: StageDeclaration,
    before: float,
) -> Figure:
    """Return our time as a share of a peer's; ours is taken just before and behind the peer's."""
    work = f"the same of {rows // 10**6}M rows against {name}"
    command = [str(python), str(FOLDER / "time_peer.py"), module, str(path), str(rows)]
    if lost is None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        if done.returncode:
            lost = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1][:200]
    if lost is not None:
        return Figure(work, float("nan"), "x its time", detail=f"not measured: {lost}")
    told = json.loads(done.stdout.splitlines()[-1])
    ours = statistics.median([before, *(seconds_of(lambda: _measure(stage)) for _ in range(2))])
    how = f"{ours:.2f} s; {name}: {told['seconds']:.2f} s, {told['memory']:.1f} GiB, {told['checks']} checks ({which})"
    return Figure(work, ours / told["seconds"], "x its time", 1.0, detail=f"{how}, median of {told['runs']}")


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
    columns = ", ".join(f"max({name})" for name in CONTRACT["columns"])  # type: ignore[attr-defined]
    connection.execute(f"SELECT {columns} FROM read_parquet(?)", [files]).fetchall()
    connection.close()
