"""What became of every line of a file, reconciled, against reading both sides of that once.

The two sides are the topic of the lines and the two tables in which each of them ends. The floor reads and decodes
every record with the client that the checks use, and every row of both tables with the reader that they use.
"""

from __future__ import annotations

import sys

import duckdb
import orjson

from benchmarks.figures import Figure, paired
from benchmarks.own_stack import own_stack
from pipeline_checks.clients.lake import open_delta
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.sales.flow.tables import LINES_TOPIC
from pipeline_checks.pipelines.sales.running.workloads import measure
from pipeline_checks.pipelines.sales.services import services
from pipeline_checks.stages.topic_log import TopicLog
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import Options, run_checks

LIMIT = 1.5
TABLES = ("sales_silver", "sales_quarantine")


def measure_sales_ledger(rows: int = 1_000_000) -> list[Figure]:
    """Return the ratio of the ledger of ``rows`` lines to reading both its sides."""
    pipeline = load_pipeline("sales")
    with own_stack() as provider:
        provider.up(services(), lambda progress: None)
        measure(rows, 1)

        def reconcile() -> None:
            result = run_checks(pipeline, ["sales_silver"], ["fates"], Options(deadline=600, full=True))
            wrong = [f"{c.verdict}: {c.judgement.message[:300]}" for c in result.checks if str(c.verdict) != "PASS"]
            if wrong or not result.checks:
                raise SystemExit(f"the ledger of a clean pipeline is not clean: {wrong}")

        seconds, floor, ratio = paired(reconcile, read_both, runs=3)
    return [
        Figure(
            f"ledger of {rows:,} lines of sales",
            ratio,
            "x reading both sides",
            LIMIT,
            detail=f"{seconds:.2f} s; topic and both tables read once: {floor:.2f} s",
        )
    ]


def read_both() -> int:
    """Read every record of the topic and every row of both tables; returns how many there are."""
    log, found = TopicLog(setting("KAFKA_BOOTSTRAP_SERVERS"), LINES_TOPIC), 0
    low, high = log.watermarks()
    for batch in log.records(low, high):
        for message in batch:
            value = message.value()
            if value is not None:
                orjson.loads(value)
        found += len(batch)
    log.close()
    for table in TABLES:
        scan = open_delta(f"{setting('SALES_DELTA_PATH')}/{table}").to_pyarrow_dataset().scanner()
        with duckdb.connect() as connection:
            connection.register("rows", scan.to_reader())
            found += connection.sql("SELECT * FROM rows").to_arrow_table().num_rows
    return found


if __name__ == "__main__":
    for figure in measure_sales_ledger(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(*figure.cells(), sep=" | ")
