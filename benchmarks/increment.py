"""A second comparison after 1 % of the keys changed against a full one, by where the changes lie."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
import psycopg
from deltalake import DeltaTable, write_deltalake

from benchmarks.figures import Figure, paired
from benchmarks.own_stack import own_stack
from benchmarks.stage_checks import CONTRACT, ROWS_SQL
from pipeline_checks.clients.settings import home, setting
from pipeline_checks.engines.row_hashes import differing_keys
from pipeline_checks.model.measure import RowCount
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks.stages.lake_increment import changed_files
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.verification.increment import MOST_REWRITTEN, Sweep, finer, increment, open_buckets, rewritten_keys
from pipeline_checks.verification.narrowing import Narrowed, narrow
from pipeline_checks.verification.row_forms import Forms, forms_between

KEY = "customer_id"
ROWS, PARTS = 1_000_000, 10
SLICES = 64
CHANGES = {"lie together": (f"{KEY} BETWEEN 100000 AND 109999", 0.05), "are spread": (f"{KEY} % 100 = 7", 0.3)}
"""Which keys change, and how long the second comparison may take, in full ones."""


def measure_increment() -> list[Figure]:
    """Return the ratio for keys that lie together and for keys that are spread over all files."""
    figures = []
    for how, (predicate, limit) in CHANGES.items():
        with own_stack() as provider:
            provider.up([postgres()])
            path = home() / "customers"
            _fill(setting("POSTGRES_URL"), path)
            figures.append(_figure(path, how, predicate, limit))
    return figures


def _figure(path: Path, how: str, predicate: str, limit: float) -> Figure:
    connection = {"url": {"env": "POSTGRES_URL"}}
    shared = {"contract": CONTRACT}
    source = declaration_class("postgres_table").model_validate(
        {"name": "source", "kind": "postgres_table", "table": "public.customers", "connection": connection, **shared}
    )
    table = declaration_class("delta_table").model_validate(
        {"name": "copy", "kind": "delta_table", "path": str(path), "from": "source", **shared}
    )
    proved = DeltaTable(path).version()
    with psycopg.connect(setting("POSTGRES_URL"), autocommit=True) as writer:
        writer.execute(f"UPDATE customers SET country = 'XX' WHERE {predicate}")
        keys = np.array([k for (k,) in writer.execute(f"SELECT {KEY} FROM customers WHERE {predicate}")], np.int64)
        writer.execute("VACUUM (FREEZE, ANALYZE) customers")
    DeltaTable(path).update(updates={"country": "'XX'"}, predicate=predicate)
    DeltaTable(path).update(updates={"country": "'wrong'"}, predicate=f"{KEY} = {keys[0]}")
    found: set[tuple[int, ...]] = set()
    looked: list[int] = []

    def again() -> None:
        changed, rows = _compare(source, table, proved, keys)
        found.add(changed)
        looked.append(rows)

    work, floor, ratio = paired(again, lambda: found.add(_compare(source, table, None, keys)[0]))
    if found != {(int(keys[0]),)}:
        raise AssertionError(f"{found} instead of the one key that was damaged")
    detail = f"{work:.2f} s for {looked[0]:,} rows, in full {floor:.2f} s; one slice of {SLICES}; without topic and cut"
    return Figure(f"again after 1 % of {ROWS // 10**6}M rows changed that {how}", ratio, "x full", limit, detail=detail)


def _compare(
    source: StageDeclaration, table: StageDeclaration, proved: int | None, events: np.ndarray
) -> tuple[tuple[int, ...], int]:
    """Return the keys that differ, and how many rows of the table were looked at."""
    one, other = open_stage(source), open_stage(table)
    held, copied = one.at(one.reached().position), other.at(other.reached().position)
    forms = forms_between(table, source)
    if proved is None:
        narrowed: Narrowed | None = narrow(held, copied, forms, least_bytes=0)
    else:
        narrowed = _increment(held, copied, table, forms, proved, events) or narrow(held, copied, forms, least_bytes=0)
    assert narrowed is not None
    wanted = forms.above.hashed(narrowed.of_source(held, forms.above.reads))  # type: ignore[arg-type]
    seen = forms.own.hashed(narrowed.of_table(copied, forms.own.reads))
    changed = differing_keys(seen, wanted, [KEY]).get_column(KEY).to_list()
    one.close()
    other.close()
    return tuple(changed), seen.height


def _increment(
    held: PinnedStage, copied: PinnedStage, table: StageDeclaration, forms: Forms, proved: int, events: np.ndarray
) -> Narrowed | None:
    declared, reads = table, forms.own.reads
    files = changed_files(declared, proved, copied.position, reads)  # type: ignore[arg-type]
    assert files is not None
    if files.share > MOST_REWRITTEN and files.gone:
        return None
    touched = np.concatenate([events, rewritten_keys(forms.own, files.rows_gone(reads), files.rows_added(reads))])
    plan = finer(held.bucket_plan(KEY))  # type: ignore[attr-defined]
    totals = [int(side.answer(frozenset({RowCount()}))[RowCount()].value) for side in (held, copied)]
    opened = open_buckets(plan, touched, Sweep(SLICES - 1, SLICES))
    return increment(held, copied, (totals[0], totals[1]), (KEY, KEY), plan, opened)


def _fill(url: str, path: Path) -> None:
    print(f"making {ROWS:,} rows", file=sys.stderr, flush=True)
    step = ROWS // PARTS
    with psycopg.connect(url, autocommit=True) as connection, duckdb.connect() as engine:
        connection.execute(
            "CREATE TABLE customers (customer_id bigint PRIMARY KEY, email text, first_name text, last_name text,"
            " country text, balance numeric(12,2), is_active bool, created_at timestamp, updated_at timestamp)"
        )
        for start in range(0, ROWS, step):
            part = engine.sql(f"FROM ({ROWS_SQL.replace('range($rows)', f'range({start}, {start + step})')})")
            file = path.with_suffix(".csv")
            part.write_csv(str(file), header=False)
            with file.open("rb") as text, connection.cursor().copy("COPY customers FROM STDIN (FORMAT csv)") as copy:
                while block := text.read(1 << 20):
                    copy.write(block)
            file.unlink()
            write_deltalake(path, part.to_arrow_table(), mode="append")
        connection.execute("VACUUM (FREEZE, ANALYZE) customers")
