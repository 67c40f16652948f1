"""``pipeline-checks fault``: damage by hand, for trying things out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.options import json_option, project_option

if TYPE_CHECKING:
    from pipeline_checks.faults.fault import Target


@click.group(name="fault")
def command() -> None:
    """List faults, inject one by hand, undo it.

    \b
    Example:
      pipeline-checks fault inject lost_rows cdc.delta_orders
      pipeline-checks check cdc
      pipeline-checks fault undo --all
    """


@command.command(name="list")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@project_option
@json_option
def list_(pipelines: tuple[str, ...], project: Path | None, json_file: str | None) -> None:
    """List the faults, what each acts on, and the injuries that have not been undone.

    \b
    Example:
      pipeline-checks fault list cdc
    """
    from pipeline_checks.cli.output import table, write_json
    from pipeline_checks.faults.injury import InjuryBook
    from pipeline_checks.pipelines.parts import faults_of
    from pipeline_checks.verification.discovery import load_pipeline, load_pipelines

    found = [load_pipeline(name, project) for name in pipelines] or load_pipelines(project)
    faults = {name: fault for pipeline in found for name, fault in faults_of(pipeline).items()}
    acts_on: dict[str, list[str]] = {name: [] for name in faults}
    for pipeline in found:
        targets, own = _targets(pipeline), faults_of(pipeline)
        for name, fault in own.items():
            acts_on[name] += [f"{t.pipeline.name}.{t.name}" for t in targets if fault.acts_on(t)]
    injuries = list(InjuryBook())
    if json_file is not None:
        entries = [{"name": n, "description": f.description, "acts_on": acts_on[n]} for n, f in faults.items()]
        open_ = [{"id": i.id, "fault": i.fault, "pipeline": i.pipeline, "target": i.target} for i in injuries]
        write_json({"schema_version": 1, "faults": entries, "injuries": open_}, json_file)
    if json_file == "-":
        return
    rows = [(n, str(len(acts_on[n])), f.description) for n, f in faults.items()]
    click.echo(table(("FAULT", "TARGETS", "DOES"), rows))
    if injuries:
        click.echo(table(("INJURY", "FAULT", "AT"), [(i.id, i.fault, f"{i.pipeline}.{i.target}") for i in injuries]))


@command.command(name="inject")
@click.argument("fault")
@click.argument("target", metavar="PIPELINE.STAGE|PIPELINE.SERVICE")
@project_option
@json_option
def inject_(fault: str, target: str, project: Path | None, json_file: str | None) -> None:
    """Do a damage. What it did is written down, so that it can be undone.

    \b
    Example:
      pipeline-checks fault inject doubled_rows cdc.iceberg_customers
    """
    from pipeline_checks.cli.output import write_json
    from pipeline_checks.faults.fault import inject
    from pipeline_checks.faults.injury import InjuryBook
    from pipeline_checks.pipelines.parts import fault_of

    at = _target(target, project)
    injury = inject(fault_of(at.pipeline, fault), at, InjuryBook())
    if json_file is not None:
        shown = {k: v for k, v in injury.to_json().items() if k != "undo"}
        write_json({"schema_version": 1, "injury": shown}, json_file)
    if json_file != "-":
        click.echo(f"{injury.what}; undo it with: pipeline-checks fault undo {injury.id}")


@command.command(name="undo")
@click.argument("injuries", nargs=-1, metavar="[INJURY]...")
@click.option("--all", "everything", is_flag=True, help="Undo all that has not been undone.")
@project_option
def undo_(injuries: tuple[str, ...], everything: bool, project: Path | None) -> None:
    """Bring back what was there before a damage, the newest damage first.

    \b
    Example:
      pipeline-checks fault undo --all
    """
    from pipeline_checks.faults.fault import undo
    from pipeline_checks.faults.injury import InjuryBook
    from pipeline_checks.pipelines.parts import fault_of

    if bool(injuries) == everything:
        raise click.UsageError("Name injuries (see `pipeline-checks fault list`), or give --all.")
    book = InjuryBook()
    chosen = list(book) if everything else [book.find(identity) for identity in injuries]
    for injury in reversed(chosen):
        target = _target(f"{injury.pipeline}.{injury.target}", project)
        undo(fault_of(target.pipeline, injury.fault), target, injury, book)
        click.echo(f"undone: {injury.what}")


def _targets(pipeline: object) -> list[Target]:
    from pipeline_checks.faults.fault import Target
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.pipelines.parts import services_of

    assert isinstance(pipeline, Pipeline)
    services = tuple(services_of([pipeline]))
    names = (*(s.name for s in pipeline.stages), *(s.name for s in services if not s.once))
    return [Target(pipeline, name, services) for name in names]


def _target(text: str, project: Path | None) -> Target:
    from pipeline_checks.model.errors import ConfigurationError
    from pipeline_checks.verification.discovery import load_pipeline
    from pipeline_checks.verification.places import nearest

    pipeline, _, name = text.partition(".")
    known = {t.name: t for t in _targets(load_pipeline(pipeline, project))}
    if name not in known:
        raise ConfigurationError(f"{pipeline!r} has no stage or service {name!r}.", next_step=nearest(name, known))
    return known[name]
