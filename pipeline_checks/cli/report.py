"""``pipeline-checks report``: reports of runs that are over, from the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.options import ReportFiles, project_option, report_options, strict_option

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline


@click.command(name="report")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--last", is_flag=True, help="The newest run of every pipeline; so it is too when no run is named.")
@strict_option
@project_option
@report_options
def command(
    runs: tuple[str, ...],
    last: bool,
    strict: bool,
    project: Path | None,
    reports: ReportFiles,
) -> int:
    """Show runs as the ledger kept them, or write them as reports; RUN is the id of a run or the beginning of it.

    Exits as the check did. Measures that are no numbers, and messages of the run itself, are not kept.

    \b
    Examples:
      pipeline-checks report --last --html report.html
      pipeline-checks report 0df5926267 --markdown -
    """
    from pipeline_checks.cli.verdicts import publish
    from pipeline_checks.verification.ledger.ledger import Ledger

    if last and runs:
        raise click.UsageError("name runs, or give --last")
    with Ledger.existing() as ledger:
        results = [ledger.run(run) for run in runs or ledger.newest_runs()]
    if not results:
        raise click.UsageError(f"the ledger {ledger.place} tells of no run yet: run `pipeline-checks check` first")
    pipelines = _known(project) if reports.html is not None else []
    return publish(results, reports, strict=strict, pipelines=pipelines)


def _known(project: Path | None) -> list[Pipeline]:
    """The pipelines as they are declared now; a page of a run whose pipeline cannot be read has a poorer picture."""
    from pipeline_checks.cli.output import progress
    from pipeline_checks.model.errors import ConfigurationError
    from pipeline_checks.verification.discovery import load_pipelines

    try:
        return list(load_pipelines(project))
    except ConfigurationError as problem:
        progress(f"the pictures are drawn from the ledger alone: {problem}")
        return []
