"""A pipeline: a directed graph of stages."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.engine import EngineDeclaration
from pipeline_checks.model.ownership import Owners
from pipeline_checks.model.stage import StageDeclaration


class Pipeline(BaseModel):
    """A pipeline with its stages in an order in which each stands behind those it is made from.

    ``flow``, ``seed`` and ``scenarios`` name the modules (dotted) that move data, write seed data and hold
    scenarios, for pipelines that have them. ``engine`` says what reads the rows of lake tables, where that is not this
    machine. ``alerts`` says who is told of what, ``owners`` who answers for stages
    that name no owners of their own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_]+$")
    description: str = ""
    stages: tuple[SerializeAsAny[StageDeclaration], ...]
    flow: str | None = None
    seed: str | None = None
    scenarios: str | None = None
    engine: EngineDeclaration | None = None
    alerts: AlertsDeclaration | None = None
    owners: Owners = ()

    @model_validator(mode="after")
    def _is_a_graph(self) -> Pipeline:
        names = [s.name for s in self.stages]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"stages of one name: {', '.join(doubled)}")
        if not names:
            raise ValueError("a pipeline needs at least one stage")
        seen: set[str] = set()
        for stage in self.stages:
            for upstream in stage.from_:
                if upstream not in names:
                    raise ValueError(
                        f"stage {stage.name!r} is made from {upstream!r}, which is not a stage of {self.name!r}"
                    )
                if upstream not in seen:
                    raise ValueError(f"stage {stage.name!r} must stand behind {upstream!r}, which it is made from")
            seen.add(stage.name)
        return self

    def stage(self, name: str) -> StageDeclaration:
        """The stage of that name; raises KeyError when there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    def owners_of(self, stage: StageDeclaration) -> tuple[str, ...]:
        """Who answers for a stage: those it names, else those of the pipeline."""
        return stage.owners or self.owners

    def upstream(self, stage: StageDeclaration) -> tuple[StageDeclaration, ...]:
        """The stages that ``stage`` is made from."""
        return tuple(self.stage(name) for name in stage.from_)

    def ancestors(self, stage: StageDeclaration) -> Iterator[StageDeclaration]:
        """All stages that ``stage`` is made from, nearest first, each once."""
        seen: set[str] = set()
        queue = list(stage.from_)
        while queue:
            name = queue.pop(0)
            if name not in seen:
                seen.add(name)
                found = self.stage(name)
                yield found
                queue.extend(found.from_)
