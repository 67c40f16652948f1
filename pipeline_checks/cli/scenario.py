"""``pipeline-checks scenario``: damage a pipeline on purpose and see that exactly that is found."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.options import json_option, project_option, provider_option, rows_option, seed_option


@click.command(name="scenario")
@click.argument("pipeline")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Run every scenario of the pipeline.")
@rows_option
@seed_option
@provider_option
@project_option
@click.option("--markdown", "markdown_file", metavar="FILE|-", help="Write the detection matrix.")
@json_option
def command(
    pipeline: str,
    names: tuple[str, ...],
    everything: bool,
    rows: int,
    seed: int,
    provider: str | None,
    project: Path | None,
    markdown_file: str | None,
    json_file: str | None,
) -> int:
    """Do each scenario's damage, verify, compare the findings with the expected ones, and undo it.

    The services are started where they do not run, and stay up; the source is seeded when it is empty. Nobody else may
    write to the pipeline meanwhile. Exits 0 only when every finding was exactly as expected, 1 otherwise. Without a
    name and without --all the scenarios are listed.

    \b
    Examples:
      pipeline-checks scenario cdc
      pipeline-checks scenario cdc lost_rows__delta_orders --rows 200
      pipeline-checks scenario cdc --all --json scenarios.json
    """
    from pipeline_checks.cli.output import progress, write_json, write_text
    from pipeline_checks.cli.scenarios import chosen, listed, prepare, shown
    from pipeline_checks.model.clock import monotonic
    from pipeline_checks.scenarios import matrix
    from pipeline_checks.scenarios.outcome import document
    from pipeline_checks.scenarios.runner import ScenarioRunner
    from pipeline_checks.verification.discovery import load_pipeline

    loaded = load_pipeline(pipeline, project)
    if not names and not everything:
        listed(loaded, json_file)
        return exits.PASSED
    selected = chosen(loaded, names)
    prepare(loaded, rows, seed, provider)
    started = monotonic()
    outcomes = ScenarioRunner(loaded, progress).run(selected)
    found = document(loaded.name, outcomes, monotonic() - started)
    if json_file is not None:
        write_json(found, json_file)
    if markdown_file is not None:
        write_text(matrix.render(found), markdown_file)
    if "-" not in (json_file, markdown_file):
        shown(outcomes)
    return exits.PASSED if all(o.exact for o in outcomes) else exits.FAILED
