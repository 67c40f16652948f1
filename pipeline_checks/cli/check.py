"""``pipeline-checks check``: verdicts about what is there; nothing is moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.options import ReportFiles, deadline_option, project_option, report_options, strict_option
from pipeline_checks.cli.output import progress, replace_text

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.model.result import RunResult


@click.command(name="check")
@click.argument("targets", nargs=-1, metavar="[PIPELINE[.STAGE]]...")
@click.option("--only", metavar="KIND,...", help="Judge only checks of these kinds, such as counts,schema.")
@click.option("--full", is_flag=True, help="Read everything again, also what was verified before.")
@click.option("--alert", is_flag=True, help="Tell the pipeline's channels what went wrong or recovered.")
@click.option("--metrics", "metrics_file", metavar="FILE|-", help="Write the verdicts as metrics of Prometheus.")
@deadline_option
@strict_option
@project_option
@report_options
def command(
    targets: tuple[str, ...],
    only: str | None,
    full: bool,
    alert: bool,
    metrics_file: str | None,
    deadline: float | None,
    strict: bool,
    project: Path | None,
    reports: ReportFiles,
) -> int:
    """Verify pipelines, or single stages of them, at one consistent cut; all pipelines when none is named.

    \b
    Examples:
      pipeline-checks check cdc --json report.json --junit junit.xml
      pipeline-checks check cdc.delta_orders --only counts,duplicates --deadline 10s
    """
    from pipeline_checks.cli.targets import kinds, resolve
    from pipeline_checks.cli.verdicts import publish
    from pipeline_checks.verification.run import Options, run_checks

    selected, wanted = resolve(targets, project), kinds(only)
    options = Options(deadline=deadline, full=full, progress=progress)
    results = [run_checks(pipeline, stages, wanted, options) for pipeline, stages in selected]
    pipelines = [pipeline for pipeline, _ in selected]
    if alert:
        _tell(pipelines, results)
    if metrics_file is not None:
        _write_metrics(results, metrics_file)
    return publish(results, reports, strict=strict, pipelines=pipelines, stdout_taken=metrics_file == "-")


def _tell(pipelines: Sequence[Pipeline], results: Sequence[RunResult]) -> None:
    from pipeline_checks.alerts.outcome import outcomes_of
    from pipeline_checks.alerts.sending import send_alerts

    for pipeline, result in zip(pipelines, results, strict=True):
        send_alerts(pipeline, outcomes_of(result), progress)


def _write_metrics(results: Sequence[RunResult], target: str) -> None:
    from pipeline_checks.reports import prometheus

    replace_text(prometheus.render(results), target)
