"""``pipeline-checks run``: the main job, from nothing to a verdict."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli.options import (
    ReportFiles,
    deadline_option,
    project_option,
    provider_option,
    report_options,
    rows_option,
    seed_option,
    strict_option,
)


@click.command(name="run")
@click.argument("pipeline")
@rows_option
@seed_option
@click.option("--keep", is_flag=True, help="Leave the services up.")
@deadline_option
@strict_option
@provider_option
@project_option
@report_options
def command(
    pipeline: str,
    rows: int,
    seed: int,
    keep: bool,
    deadline: float | None,
    strict: bool,
    provider: str | None,
    project: Path | None,
    reports: ReportFiles,
) -> int:
    """Start the services, seed the source when it is empty, change rows while data moves, verify every stage, report.

    Reports go to reports/ where no other file is named. The services are stopped at the end, unless --keep is given.

    \b
    Example:
      pipeline-checks run cdc --rows 1000 --json reports/cdc.json
    """
    from pipeline_checks.cli.main_job import run
    from pipeline_checks.cli.verdicts import publish
    from pipeline_checks.verification.discovery import load_pipeline

    declared = load_pipeline(pipeline, project)
    result = run(declared, rows, seed, provider, deadline=deadline, keep=keep)
    files = ReportFiles(
        reports.json or f"reports/{pipeline}.json",
        reports.junit or f"reports/{pipeline}.junit.xml",
        reports.markdown or f"reports/{pipeline}.md",
        reports.html or f"reports/{pipeline}.html",
    )
    return publish([result], files, strict=strict, pipelines=[declared])
