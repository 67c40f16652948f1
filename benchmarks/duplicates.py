"""Exact duplicate keys of large Delta tables against DuckDB's ``count(distinct)`` over the same files."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path

import duckdb
from deltalake import DeltaTable, write_deltalake

from benchmarks.figures import Figure, paired
from pipeline_checks.engines.registry import engine
from pipeline_checks.model.measure import DuplicateKeys
from pipeline_checks.stages.delta import DeltaTable as DeltaStage
from pipeline_checks.stages.delta import open_stage

CASES = {
    "dense integers": (50_000_000, "(i * 7919) % $rows", 0.15),
    "random integers": (50_000_000, "(hash(i) >> 1)::BIGINT", 0.6),
    "UUIDs as text": (20_000_000, "uuid()::VARCHAR", 0.8),
}
"""Rows, the key of the i-th of them, and the limit as a share of DuckDB's time."""
MEMORY_LIMIT = 1.0
_PART = 5_000_000


def measure_duplicates() -> list[Figure]:
    """Return the ratio of each case; each is measured in a process of its own, for its memory."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return [figure for name in CASES for figure in pool.apply(_case, (name,))]


def _case(name: str) -> list[Figure]:
    rows, key, limit = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys"
        _make(path, rows, key)
        files = DeltaTable(path).file_uris()
        before = _peak()
        ours(path)  # alone first: DuckDB's memory is not ours
        memory = _peak() - before
        work, floor, ratio = paired(lambda: ours(path), lambda: _distinct(files), runs=3)
    title = f"duplicates among {rows // 10**6}M {name}"
    how = f"{work:.2f} s; count(distinct): {floor:.2f} s"
    return [
        Figure(title, ratio, "x count(distinct)", limit, detail=how),
        Figure(f"{title}, memory", memory, "GiB", MEMORY_LIMIT, detail="peak above that of making the table"),
    ]


def ours(path: Path) -> None:
    """Find the duplicate keys of a table, of which there are none."""
    stage = open_stage(DeltaStage(name="keys", path=str(path)))
    pinned = stage.at(stage.reached().position)
    measure = DuplicateKeys(("k",))
    found = engine("duckdb").measure(pinned.rows, frozenset({measure}))[measure].value
    if found.keys:
        raise AssertionError(f"{found.keys} keys came twice")


def _make(path: Path, rows: int, key: str) -> None:
    print(f"making {rows:,} keys", file=sys.stderr, flush=True)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '500MB'; SET enable_progress_bar = false")
        for start in range(0, rows, _PART):
            sql = f"SELECT {key} AS k FROM range($first::BIGINT, $last::BIGINT) t(i)".replace("$rows", str(rows))
            part = connection.sql(sql, params={"first": start, "last": min(start + _PART, rows)})
            write_deltalake(path, part.to_arrow_reader(), mode="append")


def _distinct(files: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        connection.sql("SELECT count(DISTINCT k) FROM read_parquet($files)", params={"files": files}).fetchall()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
