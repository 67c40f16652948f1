"""Scenarios on the command line: which ones are meant, what they need, how their outcomes are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.output import counting, progress, table, write_json
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline

if TYPE_CHECKING:
    from pipeline_checks.faults.scenario import Scenario
    from pipeline_checks.scenarios.outcome import Outcome

_SHOWN_DIFFERENCES = 10


def chosen(pipeline: Pipeline, names: Sequence[str]) -> list[Scenario]:
    """Return the named scenarios, all when none is named.

    Raises ConfigurationError when the pipeline has none, or none of a name.
    """
    from pipeline_checks.pipelines.parts import scenarios_of
    from pipeline_checks.verification.places import nearest

    known = {s.name: s for s in scenarios_of(pipeline)}
    if not known:
        raise ConfigurationError(
            f"pipeline {pipeline.name!r} has no scenarios.",
            next_step="Name a module in the field `scenarios` of its defs.yaml.",
        )
    for name in names:
        if name not in known:
            raise ConfigurationError(f"there is no scenario {name!r}.", next_step=nearest(name, known))
    return [known[n] for n in dict.fromkeys(names)] or list(known.values())


def prepare(pipeline: Pipeline, rows: int, seed: int, provider: str | None) -> None:
    """Bring the services up and, when the source is empty, write rows and change some of them."""
    from pipeline_checks.cli.services import tell
    from pipeline_checks.pipelines.parts import seed_of, services_of
    from pipeline_checks.stack.providers import provider as provider_named
    from pipeline_checks.verification.run import Options, run_checks

    services = services_of([pipeline])
    if services:
        provider_named(provider).up(services, tell)
    if pipeline.seed is None:
        return
    module = seed_of(pipeline)
    if module.is_empty():
        progress(f"seeding at least {rows} rows a table")
        module.seed(rows, seed, progress=counting)
        run_checks(pipeline, checks=("counts",), options=Options(progress=None))  # so that the changes come later
        progress("changing rows, so that there are earlier states to go back to")
        module.change(seed, progress=counting)


def listed(pipeline: Pipeline, json_file: str | None) -> None:
    """Show the scenarios of a pipeline."""
    scenarios = chosen(pipeline, ())
    if json_file is not None:
        entries = [
            {"name": s.name, "description": s.description, "fault": s.fault.name, "target": s.target} for s in scenarios
        ]
        write_json({"schema_version": 1, "pipeline": pipeline.name, "scenarios": entries}, json_file)
    if json_file != "-":
        click.echo(table(("SCENARIO", "DOES"), [(s.name, s.description) for s in scenarios]))


def shown(outcomes: Sequence[Outcome]) -> None:
    """Show the outcome of each scenario, and what differed."""
    rows = [
        (o.scenario.name, "exact" if o.exact else "DIFFERS", ", ".join(o.found_by) or ", ".join(o.verdicts) or "-",
         ", ".join(o.blamed) or "-", f"{o.seconds:.2f} s")
        for o in outcomes
    ]  # fmt: skip
    click.echo(table(("SCENARIO", "OUTCOME", "FOUND BY", "BLAMED", "TOOK"), rows))
    for outcome in outcomes:
        for text in outcome.differences[:_SHOWN_DIFFERENCES]:
            click.echo(f"{outcome.scenario.name}: {text}")
        if len(outcome.differences) > _SHOWN_DIFFERENCES:
            click.echo(f"{outcome.scenario.name}: and {len(outcome.differences) - _SHOWN_DIFFERENCES} more")
    exact = sum(1 for o in outcomes if o.exact)
    click.echo(f"{exact} of {len(outcomes)} exact")
