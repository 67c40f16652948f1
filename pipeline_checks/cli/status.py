"""``pipeline-checks status``: the services as they are now."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.options import ReportFiles, json_option, project_option, provider_option


@click.command(name="status")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option("--verify", is_flag=True, help="Judge what is promised of the services of the named pipelines.")
@click.option("--junit", "junit_file", metavar="FILE|-", help="With --verify: write the verdicts as JUnit.")
@provider_option
@project_option
@json_option
def command(
    pipelines: tuple[str, ...],
    verify: bool,
    junit_file: str | None,
    provider: str | None,
    project: Path | None,
    json_file: str | None,
) -> int:
    """Show each service with state, port, uptime, memory and where its log is. Exits 3 when one is not ready.

    Of pipelines that were never brought up nothing is shown. With --verify the promises of the services are judged:
    order of starts, health, limits, environment, volumes, ports, network, logs; exits as `check` does.

    \b
    Examples:
      pipeline-checks status --json -
      pipeline-checks status cdc --verify
    """
    if verify:
        return _verify(pipelines, provider, project, json_file, junit_file)
    from pipeline_checks.cli.services import show
    from pipeline_checks.pipelines.parts import states_of
    from pipeline_checks.stack.providers import provider as provider_named
    from pipeline_checks.verification.discovery import load_pipelines

    ready = show(states_of(load_pipelines(project), provider_named(provider).status), json_file)
    return exits.PASSED if ready else exits.NOT_PROVED


def _verify(
    pipelines: tuple[str, ...],
    provider: str | None,
    project: Path | None,
    json_file: str | None,
    junit_file: str | None,
) -> int:
    from pipeline_checks.cli.services import services_of
    from pipeline_checks.cli.verdicts import publish
    from pipeline_checks.pipelines.stack_promises import verify_stack
    from pipeline_checks.stack.providers import provider as provider_named

    result = verify_stack(provider_named(provider), services_of(pipelines, project))
    return publish([result], ReportFiles(json_file, junit_file))
