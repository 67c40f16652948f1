"""``python -m benchmarks [NAME...]``: measure, print the table, and say how it compares with the limits."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from math import nan
from multiprocessing import get_context
from pathlib import Path

from benchmarks.figures import Figure, machine, markdown
from benchmarks.measured import measure

BENCHMARKS = {
    "stage_checks": "stage_checks:measure_stage_checks",
    "metadata": "metadata:measure_metadata",
    "reconcile": "reconcile:measure_reconcile",
    "increment": "increment:measure_increment",
    "duplicates": "duplicates:measure_duplicates",
    "dagster_rules": "dagster_rules:measure_dagster_rules",
    "ledger": "ledger:measure_ledger",
    "pipeline": "pipeline:measure_pipeline",
    "churn_checks": "churn_checks:measure_churn_checks",
    "churn": "churn:measure_churn",
    "market_data": "market_data:measure_market_data",
    "market_checks": "market_checks:measure_market_checks",
    "ingestion": "ingestion:measure_ingestion",
    "sales": "sales:measure_sales",
    "sales_ledger": "sales_ledger:measure_sales_ledger",
    "ingestion_known": "ingestion_known:measure_ingestion_known",
    "loading": "loading:measure_loading",
    "detection": "detection:measure_detection",
    "idle_sensors": "idle_sensors:measure_idle_sensors",
}
"""What `make bench` measures: about a quarter of an hour on two quiet cores."""
LARGE = {
    "stage_checks_10M": "stage_checks:measure_stage_checks_large",
    "reconcile_10M": "reconcile:measure_reconcile_large",
    "increment_10M": "increment:measure_increment_large",
}
"""What `make bench-large` measures: the same at ten million rows, about as long again."""
EVERYTHING = BENCHMARKS | LARGE


def main() -> int:
    """Run the benchmarks named; exit code 1 when a limit is not kept or something could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure against the limits.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(EVERYTHING)}")
    parser.add_argument("--only", default="", metavar="NAME,...", help="the same, in one word")
    parser.add_argument("--large", action="store_true", help=f"those of ten million rows: {', '.join(LARGE)}")
    parser.add_argument("--all", action="store_true", help="all of them; without it and without names, the small ones")
    parser.add_argument("--results", type=Path, metavar="FILE", help="also write the table into this file")
    arguments = parser.parse_args()
    named = [*arguments.names, *(name for name in arguments.only.split(",") if name)]
    unknown = [name for name in named if name not in EVERYTHING]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(EVERYTHING)}")
    names = named or list(EVERYTHING if arguments.all else LARGE if arguments.large else BENCHMARKS)
    load = os.getloadavg()[0]
    figures = [figure for name in names for figure in _measured(name)]
    table = markdown(figures)
    print(table)
    if arguments.results:
        arguments.results.write_text(_document(names, load, table))
    return 0 if all(f.holds is not False and f.value == f.value for f in figures) else 1


def _measured(name: str) -> list[Figure]:
    """Measure in a process of its own, so that no benchmark's memory is another's; a failure is a figure as well."""
    print(f"measuring {name} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        try:
            return process.submit(measure, EVERYTHING[name]).result()
        except Exception as problem:  # the others are still to be measured
            return [Figure(name, nan, "", detail=f"not measured: {type(problem).__name__}: {problem}"[:300])]


def _document(names: list[str], load: float, table: str) -> str:
    taken = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, load {load:.1f} before it began"
    return (
        f"# Results\n\n{taken}. Repeat with `python -m benchmarks {' '.join(names)} --results FILE`"
        " (`make bench` for the small ones, `make bench-large` for those of ten million rows) on a machine that does"
        " nothing else: ratios hold between machines, seconds do not. Work and floor run in turn in one run; figures"
        f" are medians.\n\n{table}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
