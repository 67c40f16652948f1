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

    \b
    Example:
      pipeline-checks status --json -
    """
    from pipeline_checks.cli.services import services_of, show
    from pipeline_checks.stack.providers import provider as provider_named

    ready = show(provider_named(provider).status(services_of((), project)), json_file)
    return exits.PASSED if ready else exits.NOT_PROVED
