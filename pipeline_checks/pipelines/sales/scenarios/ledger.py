"""The ledger of a file: what became of each of its lines, against the truth that was written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.kafka_records import ends
from pipeline_checks.clients.lake import open_delta
from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.pipelines.sales.flow.tables import LINES_TOPIC
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.source import input_path
from pipeline_checks.stages.commits import parse_covers
from pipeline_checks.stages.delta_log import DeltaLog

if TYPE_CHECKING:
    import polars

NULLABLE = ("customer_name", "sub_category", "postal_code")
"""Columns in which a generated line may lack a value; outside of the US and Canada no postal code is missing."""
_FATE = ("source_file", "source_row_number", "rejection_reason", "rejected_column")
_TABLES = ("sales_silver", "sales_quarantine")


def wait_until_caught_up(seconds: float) -> float:
    """Wait until everything of the topic is in the lake and everything of that in the warehouse and its models.

    Returns the seconds that it took; raises TransientError when they were not enough.
    """
    deadline = Deadline(seconds)
    if not deadline.wait_until(_is_caught_up):
        raise TransientError(
            f"the pipeline has not caught up within {seconds:.0f} s.", next_step="Look at the logs of its services."
        )
    return deadline.elapsed


def _is_caught_up() -> bool:
    try:
        owed = ends(setting("KAFKA_BOOTSTRAP_SERVERS"), [LINES_TOPIC])[LINES_TOPIC]
        covered = [_covered(name) for name in _TABLES]
        if any(of.get(int(p), 0) < end for of in covered for p, end in owed.items()):
            return False
        return _is_loaded({int(p): end for p, end in owed.items()})
    except PipelineChecksError:
        return False  # what is down cannot be asked


def _covered(table: str) -> Mapping[int, int]:
    uri = f"{setting('SALES_DELTA_PATH')}/{table}"
    for commit in DeltaLog(uri, "covers").newest_first(open_delta(uri).version()):
        if commit.covers is not None:
            return commit.covers.partitions(LINES_TOPIC)
    return {}


def _is_loaded(owed: Mapping[int, int]) -> bool:
    """Whether a load covers everything, and dbt has built the models since the newest load."""
    with connect(setting("SALES_WAREHOUSE_URL")) as connection, translated("reading the loads"):
        rows = connection.execute(
            "SELECT covers FROM raw.loads WHERE table_name = 'sales_batch_raw' ORDER BY load_id DESC LIMIT 1"
        ).fetchall()
        covers = parse_covers(rows[0][0]) if rows else None
        if covers is None or any(covers.next_offset(LINES_TOPIC, p) < end for p, end in owed.items()):
            return False
        built = (
            "SELECT coalesce((SELECT max(load_id) FROM marts.dbt_runs WHERE built), 0) >= max(load_id) FROM raw.loads"
        )
        (is_built,) = connection.execute(built).fetchone() or (False,)
    return bool(is_built)


def require_exact(*files: Path) -> str:
    """Compare the ledger of each file with its truth and return it in words; raises TerminalError where they differ."""
    told, wrong = [], []
    for path in files:
        truth = csv_file.read_truth(path)
        wrong += [f"{path.name}: {text}" for text in differences(path.name, truth)]
        c = truth["counts"]
        told.append(f"{c['lines']} = {c['silver']} + {c['rejected']} + {c['duplicate']}")
    if wrong:
        raise TerminalError(f"the ledger is not exact: {'; '.join(wrong[:5])}.", next_step="Look at the lines named.")
    return ", ".join(told)


def newest_files(before: set[str]) -> list[Path]:
    """Return the files of the input that were sent and were not there before."""
    found = [p for p in sorted(input_path().glob("*.csv")) if p.name not in before]
    return [p for p in found if csv_file.truth_path(p).exists() and csv_file.read_truth(p)["outcome"] == "sent"]


def differences(file: str, truth: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not in the lake as the truth of a file says: fates as sets of rows, nulls, sums."""
    silver = _rows("sales_silver", file, ["source_row_number", "sales", "quantity", "profit", "market", *NULLABLE])
    aside = _rows("sales_quarantine", file, list(_FATE[1:]))
    rejected = {r["row"]: (r["reason"], r["column"]) for r in truth["records"]}
    kept = set(range(1, truth["counts"]["lines"] + 1)) - set(rejected)
    found = silver.get_column("source_row_number").to_list()
    put_aside = {n: (reason, column) for n, reason, column in aside.iter_rows()}
    if len(found) != len(set(found)) or aside.height != len(put_aside):
        yield "a line stands in a table twice"
    for n in sorted(kept ^ set(found))[:3]:
        yield f"line {n} is {'not' if n in kept else ''} in silver".replace("  ", " ")
    for n in sorted(set(rejected) | set(put_aside)):
        if rejected.get(n) != put_aside.get(n):
            yield f"line {n} had to be {rejected.get(n) or 'kept'}, and is {put_aside.get(n) or 'not in quarantine'}"
    owed = {(r["row"], r["column"]) for r in truth.get("nulls", ())}
    if owed and _nulls(silver) != owed:
        yield f"without a value are {sorted(_nulls(silver) ^ owed)[:3]}, unlike the file"
    for name, value in {"sales": Decimal, "quantity": int, "profit": Decimal}.items():
        total = silver.get_column(name).sum() or 0
        if "sums" in truth and value(truth["sums"][name]) != total:
            yield f"the sum of {name} is {total}, not {truth['sums'][name]}"


def _nulls(silver: polars.DataFrame) -> set[tuple[int, str]]:
    import polars as pl

    found = set()
    for column in NULLABLE:
        lacking = silver.filter(pl.col(column).is_null())
        if column == "postal_code":
            lacking = lacking.filter(pl.col("market").is_in(["US", "Canada"]))
        found |= {(n, column) for n in lacking.get_column("source_row_number")}
    return found


def _rows(table: str, file: str, columns: list[str]) -> polars.DataFrame:
    import polars as pl
    import pyarrow as pa

    opened = open_delta(f"{setting('SALES_DELTA_PATH')}/{table}")
    predicate = f"source_file = '{file}'"
    rows = pl.from_arrow(pa.RecordBatchReader.from_stream(opened.scan(columns=columns, predicate=predicate)).read_all())
    assert isinstance(rows, pl.DataFrame)
    return rows
