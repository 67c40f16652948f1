"""Checks: one promise of one kind about one stage. A check declares measures and judges values; it reads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline_checks.model.measure import Coverage, CoverageState, Grade, Measure, Measured
from pipeline_checks.model.position import Position
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class CheckConfiguration(BaseModel):
    """Base of the typed configuration that a check makes of its promise. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Evidence:
    """What a check judges: values of the measures it declared, at one position, with a given ``now``."""

    stage: StageDeclaration
    now: datetime
    position: Position | None
    values: Mapping[Measure, Measured]
    upstream: Mapping[str, StageDeclaration] = field(default_factory=dict)

    def __getitem__(self, measure: Measure) -> Any:
        return self.values[measure].value

    def grade(self, measure: Measure) -> Grade:
        """How far the value of the measure can be trusted."""
        return self.values[measure].grade

    @property
    def coverage(self) -> CoverageState:
        """How far the stage is with regard to the cut; every check is given it."""
        state: CoverageState = self.values[Coverage()].value
        return state


class Check(Protocol):
    """One kind of promise. A module of ``checks/`` exposes one instance of this as ``CHECK``."""

    kind: str
    """The name: of the module, of the promise in a contract, of the check in Dagster."""

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Whether the stage gets this check: by default, or because its contract promises something of this kind."""
        ...

    def configure(self, stage: StageDeclaration) -> CheckConfiguration:
        """Return the typed configuration from the stage's contract.

        Raises ``pydantic.ValidationError`` or ``ConfigurationError`` when the promise is malformed.
        """
        ...

    def measures(self, stage: StageDeclaration, configuration: Any) -> frozenset[Measure]:
        """Return what must be known to judge."""
        ...

    def judge(self, configuration: Any, evidence: Evidence) -> Judgement:
        """Return the judgement. Pure: no I/O, no clock."""
        ...
