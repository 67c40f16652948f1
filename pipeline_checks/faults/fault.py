"""Faults: what each must be able to do, and doing it with the injury written down beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pipeline_checks.faults.injury import Injury, InjuryBook
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stack.service import Service


@dataclass(frozen=True)
class Target:
    """What is damaged: a stage of a pipeline, or one of the ``services`` that it runs on, by name."""

    pipeline: Pipeline
    name: str
    services: tuple[Service, ...] = ()

    @property
    def stage(self) -> StageDeclaration:
        """The declaration of the stage; raises ConfigurationError when the target is a service."""
        try:
            return self.pipeline.stage(self.name)
        except KeyError:
            raise ConfigurationError(
                f"{self.pipeline.name!r} has no stage {self.name!r}.",
                next_step=f"See `pipeline-checks list {self.pipeline.name}` for its stages.",
            ) from None

    @property
    def is_stage(self) -> bool:
        """Whether the target is a stage."""
        return any(s.name == self.name for s in self.pipeline.stages)


class Fault(Protocol):
    """One damage that can be done to some kinds of stages or services, and undone."""

    @property
    def name(self) -> str:
        """The name, one word."""
        ...

    @property
    def description(self) -> str:
        """What it does, as a sentence."""
        ...

    def acts_on(self, target: Target) -> bool:
        """Whether the fault can be injected there."""
        ...

    def plan(self, target: Target) -> Injury:
        """Return what will be done, with all that undoing it needs. Changes nothing.

        Raises TerminalError when the target holds nothing that could be damaged so.
        """
        ...

    def act(self, target: Target, injury: Injury) -> Injury:
        """Do it; return the injury with what has become known by that."""
        ...

    def undo(self, target: Target, injury: Injury) -> None:
        """Bring back what was there before. Undoing twice does no harm."""
        ...


@runtime_checkable
class TimesRecovery(Protocol):
    """A fault whose undoing waits until everything was caught up, and says how long that took."""

    @property
    def recovery_seconds(self) -> float | None:
        """Seconds from the repair until everything was caught up, of the last undoing; None before one."""
        ...


def inject(fault: Fault, target: Target, book: InjuryBook) -> Injury:
    """Do the damage and return the injury. It stands in the book before anything is changed.

    Raises ConfigurationError when the fault cannot act there.
    """
    if not fault.acts_on(target):
        raise ConfigurationError(
            f"the fault {fault.name!r} cannot act on {target.name!r}.",
            next_step="See `pipeline-checks fault list` for what each fault acts on.",
        )
    planned = fault.plan(target)
    book.record(planned)
    injury = fault.act(target, planned)
    book.record(injury)
    return injury


def undo(fault: Fault, target: Target, injury: Injury, book: InjuryBook) -> None:
    """Undo the damage and strike it out."""
    fault.undo(target, injury)
    book.forget(injury)
