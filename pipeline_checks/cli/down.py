"""``pipeline-checks down``: stop what ``up`` started."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli.options import project_option, provider_option
from pipeline_checks.cli.output import progress


@click.command(name="down")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option("--purge", is_flag=True, help="Remove the data and logs of the stack as well.")
@provider_option
@project_option
def command(pipelines: tuple[str, ...], purge: bool, provider: str | None, project: Path | None) -> None:
    """Stop everything that `up` started, also after a crash of the command that started it.

    With pipelines named, only the services that are theirs alone stop; what others use goes on, and no data goes.

    \b
    Examples:
      pipeline-checks down --purge
      pipeline-checks down churn
    """
    from pipeline_checks.cli.services import own_services_of, tell
    from pipeline_checks.stack.providers import provider as provider_named

    if pipelines and purge:
        raise click.UsageError("--purge removes the data of the whole stack: name no pipeline with it")
    chosen = provider_named(provider)
    stopped = chosen.stop(own_services_of(pipelines, project)) if pipelines else chosen.down(purge, tell)
    progress(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
