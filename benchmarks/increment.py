"""A second comparison after 1 % of the keys changed against a full one, by where the changes lie.

Timed is the comparison of the rows, with what opens both stages. Apart from it stand the cut, the reading of the topic,
and the count of the source, which the source's own check asks for in the same session; none of them differs between
the two.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psycopg
from deltalake import CommitProperties, DeltaTable, write_deltalake

from benchmarks.figures import Figure
from benchmarks.own_stack import own_stack
from benchmarks.stage_checks import CONTRACT, ROWS_SQL
from pipeline_checks.clients.settings import home, setting
from pipeline_checks.engines.row_hashes import differing_keys
from pipeline_checks.model.measure import RowCount
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks.stages.lake_increment import changed_by_others
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.verification.increment import SLICES, Sweep, finer, increment, open_buckets, rewritten_keys
from pipeline_checks.verification.narrowing import Narrowed, narrow
from pipeline_checks.verification.row_forms import Forms, forms_between

KEY = "customer_id"
TOPIC = "shop.customers"
FILE_ROWS = 500_000
RUNS = 5
LIMITS = {"lie together": 0.05, "are spread": 0.3}
"""How long the second comparison may take, in full ones, by where the changed keys lie."""


@dataclass(frozen=True)
class _Pair:
    """A table of Postgres and its copy in a lake, and what is proved of them."""

    source: StageDeclaration
    table: StageDeclaration
    path: Path

    @property
    def forms(self) -> Forms:
        return forms_between(self.table, self.source)


@dataclass(frozen=True)
class _Changed:
    """What happened since the proof: the version that was proved, and the keys of the events."""

    proved: int
    keys: np.ndarray


def measure_increment(rows: int = 1_000_000) -> list[Figure]:
    """Return the ratios for keys that lie together and for keys that are spread over all files."""
    with own_stack() as provider:
        provider.up([postgres()])
        pair = _fill(setting("POSTGRES_URL"), home() / "customers", rows)
        first = rows // 2
        predicates = {
            "lie together": f"{KEY} BETWEEN {first} AND {first + rows // 100 - 1}",
            "are spread": f"{KEY} % 100 = 7",
        }
        return [_figure(pair, rows, how, predicates[how], limit) for how, limit in LIMITS.items()]


def measure_increment_large() -> list[Figure]:
    """Return the ratios for ten million rows."""
    return measure_increment(10_000_000)


def _figure(pair: _Pair, rows: int, how: str, predicate: str, limit: float) -> Figure:
    with psycopg.connect(setting("POSTGRES_URL"), autocommit=True) as writer:
        proved = DeltaTable(pair.path).version()
        writer.execute(f"UPDATE customers SET country = 'XX' WHERE {predicate}")
        keys = np.array([k for (k,) in writer.execute(f"SELECT {KEY} FROM customers WHERE {predicate}")], np.int64)
        writer.execute("VACUUM (FREEZE, ANALYZE) customers")
    changed = _Changed(proved, keys)
    damaged = int(keys[0])
    _move(pair.path, "'XX'", predicate, 2)
    _move(pair.path, "'wrong'", f"{KEY} = {damaged}", 3)
    runs = [(_compare(pair, changed), _compare(pair, None)) for _ in range(RUNS + 1)][1:]
    found = {run.found for both in runs for run in both}
    if found != {(damaged,)}:
        raise AssertionError(f"{found} instead of the one key that was damaged")
    _move(pair.path, "'XX'", f"{KEY} = {damaged}", 4)
    again, full, count = (
        statistics.median(values)
        for values in (
            [a.seconds for a, _ in runs],
            [f.seconds for _, f in runs],
            [r.counting for both in runs for r in both],
        )
    )
    detail = (
        f"{again:.2f} s for {runs[0][0].rows:,} rows, in full {full:.2f} s; one slice of {SLICES}; without topic and"
        f" cut, and without the source's count ({count:.2f} s, in both)"
    )
    title = f"again after 1 % of {rows // 10**6}M rows changed that {how}"
    return Figure(title, statistics.median(a.seconds / f.seconds for a, f in runs), "x full", limit, detail=detail)


@dataclass(frozen=True)
class _Run:
    found: tuple[int, ...]
    rows: int
    seconds: float
    counting: float


def _compare(pair: _Pair, changed: _Changed | None) -> _Run:
    """Compare the pair, in full without ``changed``."""
    started = time.perf_counter()
    one, other = open_stage(pair.source), open_stage(pair.table)
    held, copied = one.at(one.reached().position), other.at(other.reached().position)
    opened = time.perf_counter()
    totals = [int(side.answer(frozenset({RowCount()}))[RowCount()].value) for side in (held, copied)]
    counting = time.perf_counter() - opened
    forms = pair.forms
    if changed is None:
        narrowed: Narrowed | None = narrow(held, copied, forms, least_bytes=0)
    else:
        narrowed = _increment(pair, held, copied, (totals[0], totals[1]), changed)
    assert narrowed is not None
    wanted = forms.above.hashed(narrowed.of_source(held, forms.above.reads))  # type: ignore[arg-type]
    seen = forms.own.hashed(narrowed.of_table(copied, forms.own.reads))
    found = differing_keys(seen, wanted, [KEY]).get_column(KEY).to_list()
    one.close()
    other.close()
    return _Run(tuple(found), seen.height, time.perf_counter() - started - counting, counting)


def _increment(pair: _Pair, held: Any, copied: Any, totals: tuple[int, int], changed: _Changed) -> Narrowed | None:
    """Narrow as ``proving.Prover`` does."""
    forms, table = pair.forms, pair.table
    reads = forms.own.reads
    covers = OffsetsPosition.of({TOPIC: {0: 1}})
    files = changed_by_others(table, copied, changed.proved, copied.position, covers, reads)  # type: ignore[arg-type]
    assert files is not None
    rewritten = rewritten_keys(forms.own, files.rows_gone(reads), files.rows_added(reads))
    coarse = held.bucket_plan(KEY)
    plan = finer(coarse)
    opened = open_buckets(plan, np.concatenate([changed.keys, rewritten]), Sweep(0, SLICES))
    return increment(held, copied, totals, (KEY, KEY), plan, opened, (forms, coarse))


def _move(path: Path, value: str, predicate: str, offset: int) -> None:
    """Change rows of the table in a commit that says what it covers."""
    said = CommitProperties(custom_metadata={"covers": json.dumps({TOPIC: {"0": offset}})})
    DeltaTable(path).update(updates={"country": value}, predicate=predicate, commit_properties=said)


def _fill(url: str, path: Path, rows: int) -> _Pair:
    print(f"making {rows:,} rows", file=sys.stderr, flush=True)
    with psycopg.connect(url, autocommit=True) as connection, duckdb.connect() as engine:
        connection.execute(
            "CREATE TABLE customers (customer_id bigint PRIMARY KEY, email text, first_name text, last_name text,"
            " country text, balance numeric(12,2), is_active bool, created_at timestamp, updated_at timestamp)"
        )
        step = min(FILE_ROWS, rows // 10)
        for start in range(0, rows, step):
            part = engine.sql(f"FROM ({ROWS_SQL.replace('range($rows)', f'range({start}, {start + step})')})")
            file = path.with_suffix(".csv")
            part.write_csv(str(file), header=False)
            with file.open("rb") as text, connection.cursor().copy("COPY customers FROM STDIN (FORMAT csv)") as copy:
                while block := text.read(1 << 20):
                    copy.write(block)
            file.unlink()
            write_deltalake(path, part.to_arrow_table(), mode="append")
        connection.execute("VACUUM (FREEZE, ANALYZE) customers")
    shared: dict[str, Any] = {"contract": CONTRACT}
    source: dict[str, Any] = {"table": "public.customers", "connection": {"url": {"env": "POSTGRES_URL"}}}
    copied: dict[str, Any] = {"path": str(path), "from": "source", "covers": {"commit_metadata": "covers"}}
    return _Pair(
        _declared("postgres_table", "source", source | shared), _declared("delta_table", "copy", copied | shared), path
    )


def _declared(kind: str, name: str, rest: dict[str, Any]) -> StageDeclaration:
    return declaration_class(kind).model_validate({"name": name, "kind": kind, **rest})
