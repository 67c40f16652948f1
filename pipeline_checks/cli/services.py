"""Services on the command line: which ones a pipeline needs, how their start and state are shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_checks.cli.output import progress, table, write_json
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline_checks.stack.service import Service
    from pipeline_checks.stack.status import Progress, ServiceState

_GOOD = {"ready", "done"}


def services_of(names: Sequence[str], project: Path | None) -> list[Service]:
    """Return the services of the named pipelines, of all of them when none is named."""
    from pipeline_checks.pipelines import parts
    from pipeline_checks.verification.discovery import load_pipeline, load_pipelines

    pipelines = [load_pipeline(name, project) for name in names] or load_pipelines(project)
    found = parts.services_of(pipelines)
    if not found:
        raise ConfigurationError(
            f"{', '.join(p.name for p in pipelines) or 'no pipeline'} names no services to start.",
            next_step="A pipeline names them in the field `flow` of its defs.yaml.",
        )
    return found


def own_services_of(names: Sequence[str], project: Path | None) -> list[Service]:
    """Return the services that the named pipelines do not share with others."""
    from pipeline_checks.pipelines import parts
    from pipeline_checks.verification.discovery import load_pipeline, load_pipelines

    every = load_pipelines(project)
    return [s for name in names for s in parts.own_services_of(load_pipeline(name, project), every)]


def tell(step: Progress) -> None:
    """Show a step of starting services; of repeated ones only the last line on a terminal, none elsewhere."""
    if step.what == "fetching":
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{step.service}: {step.message}", err=True, nl=False)
        return
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    time = f" after {step.seconds:.1f} s" if step.seconds else ""
    what = f": {step.message}" if step.message else ""
    progress(f"{clear}{step.service} {step.what}{time}{what}")


def show(states: Sequence[ServiceState], json_file: str | None) -> bool:
    """Write the states of services; return whether there are some and all are as they should be."""
    good = bool(states) and all(s.state in _GOOD for s in states)
    if json_file is not None:
        write_json({"schema_version": 1, "ready": good, "services": [s.to_json() for s in states]}, json_file)
    if json_file != "-":
        head = ("SERVICE", "STATE", "PORT", "UPTIME", "MEMORY", "TOOK", "LOG")
        click.echo(table(head, [_row(s) for s in states]) if states else "no service is running")
    return good


def _row(state: ServiceState) -> tuple[str, ...]:
    return (
        state.name,
        state.state if not state.problem else f"{state.state}: {state.problem}",
        _or_nothing(state.port),
        _or_nothing(state.uptime_seconds, "{:.0f} s"),
        _or_nothing(None if state.memory_bytes is None else state.memory_bytes >> 20, "{} MB"),
        _or_nothing(state.seconds, "{:.1f} s"),
        _or_nothing(state.log),
    )


def _or_nothing(value: Any, form: str = "{}") -> str:
    return "-" if value is None else form.format(value)
