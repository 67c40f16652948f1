"""``sales-faults``: inject faults into the sales pipeline and see that each has exactly its declared effect."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.sales.options import CONTEXT, common, configured, end


@click.command(name="sales-faults", context_settings=CONTEXT)
@click.option("--scenario", "names", multiple=True, metavar="NAME", help="One fault; may be given again.")
@click.option("--all", "everything", is_flag=True, help="Every fault of the pipeline.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where the report is written.")
@common
def command(
    names: tuple[str, ...],
    everything: bool,
    output: Path | None,
    config: Path | None,
    output_dir: Path,
    log_level: str | None,
    no_cleanup: bool,
) -> int:
    """Inject each fault, verify, compare the findings with the declared ones, and undo it.

    Exits 0 when every fault had exactly its declared effect, 1 when one had not, 2 for a wrong setting, 3 when they
    could not be run.

    \b
    Example:
      sales-faults --all --output reports/faults.json
    """
    from pipeline_checks.cli.sales.categories import faults, faults_named
    from pipeline_checks.cli.sales.services import running_services

    if not names and not everything:
        raise click.UsageError("name a fault by --scenario, or give --all")
    configuration, chosen = configured(config, log_level), faults_named(names)
    with running_services(configuration, cleanup=not no_cleanup) as stack:
        done = faults(stack, chosen, output or output_dir / "error_scenario_report.json")
        stack.passed = all(done.passed)
    return exits.PASSED if stack.passed else exits.FAILED


def main() -> None:
    """Run the command and exit with its code."""
    end(command, "sales-faults")
