"""``pipeline-checks status``: the services as they are now."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.options import json_option, project_option, provider_option


@click.command(name="status")
@provider_option
@project_option
@json_option
def command(provider: str | None, project: Path | None, json_file: str | None) -> int:
    """Show each service with state, port, uptime, memory and where its log is. Exits 3 when one is not ready.

    Of pipelines that were never brought up nothing is shown.

    \b
    Example:
      pipeline-checks status --json -
    """
    from pipeline_checks.cli.services import show
    from pipeline_checks.pipelines.parts import states_of
    from pipeline_checks.stack.providers import provider as provider_named
    from pipeline_checks.verification.discovery import load_pipelines

    ready = show(states_of(load_pipelines(project), provider_named(provider).status), json_file)
    return exits.PASSED if ready else exits.NOT_PROVED
