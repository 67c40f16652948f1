"""Whether the environment has what the stages of a pipeline are declared to take from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from pipeline_checks.clients.settings import resolve, stack_env_file
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.model.stage import StageDeclaration


def require_environment(pipeline: Pipeline, stages: Iterable[StageDeclaration]) -> None:
    """Raise ConfigurationError when a variable that the stages, or those they are made from, name is not set.

    Said once for all of them, instead of by every check of every stage behind.
    """
    needed = {s.name: s for stage in stages for s in (stage, *pipeline.ancestors(stage))}
    missing: dict[str, list[str]] = {}
    for name, declaration in needed.items():
        for field, variable in _variables(declaration):
            try:
                resolve(variable)
            except ConfigurationError as error:
                if error.data.get("ambiguous"):
                    raise
                missing.setdefault(variable.env, []).append(f"{name}.{field}")
    if missing:
        said = "; ".join(
            f"{v} ({', '.join(places[:3])}{', ...' if len(places) > 3 else ''})" for v, places in missing.items()
        )
        raise ConfigurationError(
            f"pipeline {pipeline.name!r} takes from the environment what is not set: {said}",
            next_step=f"Set it, or start the stack with `pipeline-checks up {pipeline.name}`, which writes"
            f" {stack_env_file()}.",
            variables=sorted(missing),
        )


def _some(places: list[str]) -> str:
    return ", ".join(places if len(places) <= 3 else [*places[:3], "..."])


def _variables(declared: BaseModel, path: str = "") -> Iterator[tuple[str, EnvironmentVariable]]:
    for field in type(declared).model_fields:
        value = getattr(declared, field)
        place = f"{path}.{field}" if path else field
        if isinstance(value, EnvironmentVariable):
            yield place, value
        elif isinstance(value, BaseModel):
            yield from _variables(value, place)
