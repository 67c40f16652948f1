"""``pipeline-checks up``: start services and wait until each answers its protocol."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli.options import json_option, project_option, provider_option


@click.command(name="up")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@provider_option
@project_option
@json_option
def command(pipelines: tuple[str, ...], provider: str | None, project: Path | None, json_file: str | None) -> None:
    """Start the services of the named pipelines, all when none is named, and wait until each answers.

    What was chosen (ports, URLs, paths) stands in $PIPELINE_CHECKS_HOME/stack.env. Starting what runs changes nothing.

    \b
    Example:
      pipeline-checks up cdc
    """
    from pipeline_checks.cli.services import services_of, show, tell
    from pipeline_checks.stack.providers import provider as provider_named

    states = provider_named(provider).up(services_of(pipelines, project), tell)
    show(states, json_file)
