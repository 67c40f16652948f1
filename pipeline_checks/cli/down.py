"""``pipeline-checks down``: stop what ``up`` started."""

from __future__ import annotations

import click

from pipeline_checks.cli.options import provider_option
from pipeline_checks.cli.output import progress


@click.command(name="down")
@click.option("--purge", is_flag=True, help="Remove the data and logs of the stack as well.")
@provider_option
def command(purge: bool, provider: str | None) -> None:
    """Stop everything that `up` started, also after a crash of the command that started it.

    \b
    Example:
      pipeline-checks down --purge
    """
    from pipeline_checks.cli.services import tell
    from pipeline_checks.stack.providers import provider as provider_named

    stopped = provider_named(provider).down(purge, tell)
    progress(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
