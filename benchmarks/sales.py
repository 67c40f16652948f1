"""The sales pipeline end to end: its producer, its ETL, its models, and what the checks cost beside it."""

from __future__ import annotations

import sys

from benchmarks.figures import Figure, seconds_of
from benchmarks.own_stack import own_stack
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.sales.running.workloads import measure
from pipeline_checks.pipelines.sales.services import services
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import Options, run_checks

WARM = 1_000
PRODUCED, TRANSFORMED, CHECKS = 5_000, 20_000, 0.15
_BAD = {"FAIL", "ERROR", "UNSETTLED"}


def measure_sales(rows: int = 100_000) -> list[Figure]:
    """Send lines through a pipeline in a home of its own and verify every stage behind them."""
    pipeline = load_pipeline("sales")
    with own_stack() as provider:
        provider.up(services(), lambda progress: None)
        measure(WARM, 1)  # the first batch loads the classes of Spark and parses the project of dbt
        found = measure(rows, 2)
        kept: list[RunResult] = []
        checks = seconds_of(lambda: kept.append(run_checks(pipeline, options=Options(deadline=120))))
    wrong = [f"{c.stage}.{c.check}: {c.judgement.message[:200]}" for c in kept[0].checks if str(c.verdict) in _BAD]
    if wrong:
        raise SystemExit(f"the checks of a clean pipeline found something: {'; '.join(wrong)}")
    kafka, spark, dbt = (found.stages[name] for name in ("kafka", "spark", "dbt"))
    whole = found.duration_seconds
    size = f"{rows:,} lines"
    return [
        Figure("sales end to end, " + size, whole, "s", detail=f"{rows / whole:,.0f} lines/s from CSV to the marts"),
        Figure(
            "sales producer, produced and acknowledged",
            rows / kafka,
            "messages/s",
            PRODUCED,
            at_least=True,
            detail=f"{size} in {kafka:.2f} s",
        ),
        Figure(
            "sales ETL after start, Kafka to Delta",
            rows / spark,
            "rows/s",
            TRANSFORMED,
            at_least=True,
            detail=f"{size} in {spark:.2f} s, from the first message's time to the last batch's",
        ),
        Figure("sales models and their tests, one run of dbt", dbt, "s", detail=f"{rows / dbt:,.0f} rows/s"),
        Figure(
            "all checks of sales against the run that they verify",
            checks / whole,
            "x",
            CHECKS,
            detail=f"{checks:.2f} s beside {whole:.2f} s; {len(kept[0].checks)} checks",
        ),
    ]


if __name__ == "__main__":
    for figure in measure_sales(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000):
        print(*figure.cells(), sep=" | ")
