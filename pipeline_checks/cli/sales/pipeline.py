"""``sales-pipeline``: run tests of the sales pipeline from the first line sent to the verdicts."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.sales.options import CONTEXT, TESTS, common, configured, end


@click.command(name="sales-pipeline", context_settings=CONTEXT)
@click.option("--test", "test", type=click.Choice([*TESTS, "all"]), default="happy_path", show_default=True)
@click.option("--record-count", type=click.IntRange(min=1), help="Lines that are sent; else as many as the test has.")
@common
def command(
    test: str, record_count: int | None, config: Path | None, output_dir: Path, log_level: str | None, no_cleanup: bool
) -> int:
    """Send lines and store events, wait for the marts, verify every stage, and keep what was measured.

    Exits 0 when every test passed, 1 when one did not, 2 for a wrong setting, 3 when it could not be run.

    \b
    Example:
      sales-pipeline --test happy_path --record-count 1000
    """
    from pipeline_checks.cli.sales.categories import pipeline_tests
    from pipeline_checks.cli.sales.services import running_services

    configuration = configured(config, log_level)
    with running_services(configuration, cleanup=not no_cleanup) as stack:
        done = pipeline_tests(stack, TESTS if test == "all" else [test], record_count, configuration, output_dir)
        stack.passed = all(done.passed)
    return exits.PASSED if stack.passed else exits.FAILED


def main() -> None:
    """Run the command and exit with its code."""
    end(command, "sales-pipeline")
