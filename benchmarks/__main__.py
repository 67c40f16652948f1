"""``python -m benchmarks [NAME...]``: measure, print the table, and say how it compares with the limits."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.figures import Figure, machine, markdown

BENCHMARKS = {
    "stage_checks": "stage_checks:measure_stage_checks",
    "dagster_rules": "dagster_rules:measure_dagster_rules",
    "duplicates": "duplicates:measure_duplicates",
    "metadata": "metadata:measure_metadata",
    "reconcile": "reconcile:measure_reconcile",
    "pipeline": "pipeline:measure_pipeline",
    "ledger": "ledger:measure_ledger",
    "increment": "increment:measure_increment",
}


def main() -> int:
    """Run the benchmarks named, all of them by default; exit code 1 when a limit is not kept."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure against the limits.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    arguments = parser.parse_args()
    unknown = [n for n in arguments.names if n not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in arguments.names or BENCHMARKS:
        module, _, function = BENCHMARKS[name].partition(":")
        print(f"measuring {name}", file=sys.stderr, flush=True)
        figures += getattr(import_module(f"benchmarks.{module}"), function)()
    table = markdown(figures)
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(f"# Results\n\n{machine()}. Repeat with `make bench`.\n\n{table}\n")
    return 1 if any(f.holds is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
