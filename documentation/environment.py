"""The page of the environment: by which variables each pipeline finds its services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from documentation.markdown import head, table, text
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.pipelines.parts import services_of
from pipeline_checks.stack.providers import DEFAULT, NAMES
from pipeline_checks.verification.discovery import load_pipelines

_GENERAL: Final = (
    ("PIPELINE_CHECKS_HOME", "the folder of data, logs and settings of the stack", "`.pipeline_checks`"),
    ("PIPELINE_CHECKS_PROVIDER", f"where services come from: {', '.join(NAMES)}", f"`{DEFAULT}`"),
    ("PIPELINE_CHECKS_CACHE", "the folder of fetched jars", "the user's cache folder"),
    ("PIPELINE_CHECKS_PORT_<NAME>", "the port of a service", "a free one"),
    ("PIPELINE_CHECKS_DEBUG", "errors with their traceback", "no"),
    ("SKIP_PIPELINE_MANAGEMENT", "set to anything, tests neither start nor stop services", "not set"),
)
_SHOWN: Final = 4
_INTRODUCTION = (
    "A variable is looked up in the environment first and then in `stack.env`, which `pipeline-checks up` writes into "
    "the home. With the provider `external` (or `SKIP_PIPELINE_MANAGEMENT`) those of a pipeline say where its services "
    "are; `pipeline-checks up PIPELINE --provider external` tells which are missing and asks each service.",
)


def page() -> str:
    """Return the page."""
    lines = head("Environment", *_INTRODUCTION)
    lines += table(("variable", "says", "when not set"), ((f"`{n}`", says, default) for n, says, default in _GENERAL))
    for pipeline in sorted(load_pipelines(), key=lambda p: p.name):
        lines += [f"## {pipeline.name}", "", *table(("variable", "used by"), _rows(pipeline))]
    return text(lines)


def _rows(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    used: dict[str, list[str]] = {}
    for service in services_of([pipeline]):
        for name in service.needs:
            used.setdefault(name, []).append(f"service `{service.name}`")
    for stage in pipeline.stages:
        for variable in dict.fromkeys(_variables(stage)):
            used.setdefault(variable.env, []).append(f"`{stage.name}`")
    for name, users in sorted(used.items()):
        shown = users if len(users) <= _SHOWN + 1 else users[:_SHOWN]
        more = "" if len(shown) == len(users) else f" and {len(users) - _SHOWN} more stages"
        yield f"`{name}`", ", ".join(shown) + more


def _variables(declared: BaseModel) -> Iterator[EnvironmentVariable]:
    for field in type(declared).model_fields:
        value = getattr(declared, field)
        if isinstance(value, EnvironmentVariable):
            yield value
        elif isinstance(value, BaseModel):
            yield from _variables(value)
