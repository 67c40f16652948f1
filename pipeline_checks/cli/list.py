"""``pipeline-checks list``: what can be verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline_checks.cli.options import json_option, project_option
from pipeline_checks.cli.output import table, write_json


@click.command(name="list")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@project_option
@json_option
def command(pipelines: tuple[str, ...], project: Path | None, json_file: str | None) -> None:
    """List pipelines with their stages, the checks of each stage, and their scenarios; and the faults that there are.

    \b
    Example:
      pipeline-checks list cdc
    """
    from pipeline_checks.verification.discovery import load_pipeline, load_pipelines

    found = [load_pipeline(name, project) for name in pipelines] or load_pipelines(project)
    listed = [_pipeline(p) for p in found]
    if json_file is not None:
        from pipeline_checks.faults.catalogue import FAULTS

        faults = [{"name": name, "description": fault.description} for name, fault in FAULTS.items()]
        write_json({"schema_version": 1, "pipelines": listed, "faults": faults}, json_file)
    if json_file == "-":
        return
    for pipeline in listed:
        click.echo(f"{pipeline['name']}: {pipeline['description']}" if pipeline["description"] else pipeline["name"])
        rows = [(s["name"], s["kind"], _short(s["from"]), ", ".join(s["checks"])) for s in pipeline["stages"]]
        click.echo(table(("STAGE", "KIND", "FROM", "CHECKS"), rows))
        if pipeline["scenarios"]:
            number = len(pipeline["scenarios"])
            click.echo(f"{number} scenarios: pipeline-checks scenario {pipeline['name']} lists them")


def _short(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def _pipeline(pipeline: Any) -> dict[str, Any]:
    from pipeline_checks.checks.registry import checks_of
    from pipeline_checks.pipelines.parts import scenarios_of

    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "stages": [
            {"name": s.name, "kind": s.kind, "from": list(s.from_), "checks": [c.kind for c in checks_of(s)]}
            for s in pipeline.stages
        ],
        "scenarios": [{"name": s.name, "description": s.description} for s in scenarios_of(pipeline)],
    }
