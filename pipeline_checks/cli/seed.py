"""``pipeline-checks seed``: write seed data into a source."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli.options import json_option, project_option, rows_option, seed_option
from pipeline_checks.cli.output import counting, table, write_json


@click.command(name="seed")
@click.argument("pipeline")
@click.option("--scenario", default="default", show_default=True, help="Which seed data.")
@rows_option
@seed_option
@project_option
@json_option
def command(pipeline: str, scenario: str, rows: int, seed: int, project: Path | None, json_file: str | None) -> None:
    """Write seed data into the source of a pipeline. Equal seeds give equal data.

    \b
    Example:
      pipeline-checks seed cdc --rows 1000 --seed 7
    """
    from pipeline_checks.pipelines.parts import seed_of
    from pipeline_checks.verification.discovery import load_pipeline

    module = seed_of(load_pipeline(pipeline, project))
    summary = module.seed(rows, seed, scenario, counting)
    if json_file is not None:
        write_json({"schema_version": 1, "pipeline": pipeline, **summary.to_json()}, json_file)
    if json_file != "-":
        click.echo(table(("TABLE", "ROWS"), [(name, str(count)) for name, count in summary.expected_counts().items()]))
