"""A damage that is done while services stand still: what they would make of it is another question."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline_checks.faults.fault import Fault, Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.service_faults import Frozen

_STILL = Frozen("held", "A service stands still")


@dataclass(frozen=True)
class WhileHeld:
    """A fault during which services stand still; they go on when it has been undone."""

    fault: Fault
    services: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the fault."""
        return self.fault.name

    @property
    def description(self) -> str:
        """What the fault does."""
        return self.fault.description

    def acts_on(self, target: Target) -> bool:
        """Whether the fault can be injected there."""
        return self.fault.acts_on(target)

    def plan(self, target: Target) -> Injury:
        """Return what the fault will do, and the processes that will stand still."""
        planned = self.fault.plan(target)
        processes = [p for name in self.services for p in _STILL.plan(_of(target, name)).undo["processes"]]
        return replace(planned, undo={"fault": dict(planned.undo), "processes": processes})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Hold the services, and do it."""
        _STILL.act(target, injury)
        done = self.fault.act(target, replace(injury, undo=injury.undo["fault"]))
        return replace(done, undo={**injury.undo, "fault": dict(done.undo)})

    def undo(self, target: Target, injury: Injury) -> None:
        """Undo it, and let the services go on."""
        try:
            self.fault.undo(target, replace(injury, undo=injury.undo["fault"]))
        finally:
            _STILL.undo(target, injury)


def _of(target: Target, service: str) -> Target:
    return Target(target.pipeline, service, target.services)
