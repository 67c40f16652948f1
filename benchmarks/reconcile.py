"""A Postgres table against its damaged copy in Delta: all damages found exactly, against one drained binary COPY."""

from __future__ import annotations

import gc
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import psycopg
from deltalake import write_deltalake

from benchmarks.figures import Figure, paired
from benchmarks.own_stack import own_stack
from benchmarks.stage_checks import CONTRACT, ROWS_SQL
from pipeline_checks.clients.settings import home, setting
from pipeline_checks.engines.row_hashes import differing_keys
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.verification.narrowing import narrow
from pipeline_checks.verification.row_forms import forms_between

KEY = "customer_id"
LIMITS = {1_000_000: 1.5, 10_000_000: 0.8}
"""Times a drained binary COPY, by the rows of the table."""
MEMORY_LIMIT = 1.2
_PER_KIND = 100
_DDL = """
CREATE TABLE customers (customer_id bigint PRIMARY KEY, email text, first_name text, last_name text, country text,
                        balance numeric(12,2), is_active bool, created_at timestamp, updated_at timestamp)
"""
_PART = 1_000_000


@dataclass(frozen=True)
class Found:
    """What a comparison tells."""

    missing: int
    doubled: int
    changed: int


def measure_reconcile(sizes: tuple[int, ...] = (1_000_000,)) -> list[Figure]:
    """Return the ratio for each size, and the memory that the comparison of the greatest took at most."""
    figures = []
    for rows in sizes:
        with own_stack() as provider:
            provider.up([postgres()])
            copy = home() / "customers"
            _fill(setting("POSTGRES_URL"), copy, rows)
            figures.append(_figure(copy, rows))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures.append(
        Figure(
            f"memory of comparing {max(sizes) // 10**6}M rows",
            memory,
            "GiB",
            MEMORY_LIMIT,
            detail="peak of the process",
        )
    )
    return figures


def measure_reconcile_large() -> list[Figure]:
    """Return the same for ten million rows."""
    return measure_reconcile((10_000_000,))


def _figure(path: Path, rows: int) -> Figure:
    source = declaration_class("postgres_table").model_validate(
        {
            "name": "source",
            "kind": "postgres_table",
            "table": "public.customers",
            "connection": {"url": {"env": "POSTGRES_URL"}},
            "contract": CONTRACT,
        }
    )
    table = declaration_class("delta_table").model_validate(
        {"name": "copy", "kind": "delta_table", "path": str(path), "from": "source", "contract": CONTRACT}
    )
    expected = Found(_PER_KIND, _PER_KIND, _PER_KIND + _PER_KIND // 2)
    found: list[Found] = []
    work, floor, ratio = paired(
        lambda: found.append(_compare(source, table)),
        lambda: _drain(setting("POSTGRES_URL")),
        runs=5 if rows <= _PART else 3,
    )
    if any(f != expected for f in found):
        raise AssertionError(f"{found} instead of {expected}")
    how = f"{expected.missing} missing, {expected.doubled} doubled, {expected.changed} changed rows found exactly: "
    how += f"{work:.2f} s; binary COPY drained: {floor:.2f} s"
    return Figure(f"reconcile Postgres with Delta, {rows // 10**6}M rows", ratio, "x COPY", LIMITS[rows], detail=how)


def _compare(source: StageDeclaration, table: StageDeclaration) -> Found:
    one, other = open_stage(source), open_stage(table)
    forms = forms_between(table, source)
    held, copied = one.at(one.reached().position), other.at(other.reached().position)
    narrowed = narrow(held, copied, forms, least_bytes=0)
    assert narrowed is not None
    wanted = forms.above.hashed(narrowed.of_source(held, forms.above.reads))  # type: ignore[arg-type]
    seen = forms.own.hashed(narrowed.of_table(copied, forms.own.reads))
    missing = wanted.join(seen, on=KEY, how="anti").height
    doubled = seen.height - seen.get_column(KEY).n_unique()
    changed = differing_keys(seen, wanted, [KEY]).height
    one.close()
    other.close()
    return Found(missing, doubled, changed)


def _drain(url: str) -> None:
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy("COPY customers TO STDOUT (FORMAT binary)") as copy,
    ):
        for _ in copy:
            pass


def _fill(url: str, path: Path, rows: int) -> None:
    print(f"making {rows:,} rows", file=sys.stderr, flush=True)
    step = rows // 400
    with psycopg.connect(url, autocommit=True) as connection, duckdb.connect() as engine:
        connection.execute(_DDL)
        for start in range(0, rows, _PART):
            part = engine.sql(
                f"FROM ({ROWS_SQL.replace('range($rows)', f'range({start}, {min(start + _PART, rows)})')})"
            )
            file = path.with_suffix(".csv")
            part.write_csv(str(file), header=False)
            with file.open("rb") as text, connection.cursor().copy("COPY customers FROM STDIN (FORMAT csv)") as copy:
                while block := text.read(1 << 20):
                    copy.write(block)
            file.unlink()
            write_deltalake(path, _damaged(pl.DataFrame(part.to_arrow_table()), step).to_arrow(), mode="append")
        connection.execute("VACUUM (FREEZE, ANALYZE) customers")
    gc.collect()


def _damaged(rows: pl.DataFrame, step: int) -> pl.DataFrame:
    """Lose every ``step``-th key of one kind, double those of another, change two columns of a third and a fourth."""
    key = pl.col(KEY)

    def of(kind: int) -> pl.Expr:
        return (key % step == kind) & (key // step < _PER_KIND)

    half = of(4) & (key // step < _PER_KIND // 2)
    changed = rows.filter(~of(1)).with_columns(
        pl.when(of(3))
        .then(pl.col("balance") + pl.lit(0.01, pl.Decimal(12, 2)))
        .otherwise(pl.col("balance"))
        .alias("balance"),
        pl.when(half).then(None).otherwise(pl.col("email")).alias("email"),
    )
    return pl.concat([changed, changed.filter(of(2))]).cast({"balance": pl.Decimal(12, 2)})
