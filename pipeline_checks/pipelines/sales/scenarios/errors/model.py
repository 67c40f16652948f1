"""What a fault of the running pipeline is: what happens to what, what is expected, and who repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.scenarios.errors.load import Load, new_file
from pipeline_checks.pipelines.sales.scenarios.ledger import require_exact, wait_until_caught_up

Expected = Literal["retry", "fail_fast", "degrade_gracefully"]
Recovery = Literal["automatic", "manual"]
_PATIENCE_SECONDS = 300.0
"""A busy machine is given so long to catch up, whatever a scenario declares; how long it took is told."""


@dataclass
class Scene:
    """What a fault has at hand while it is there: the target, its load, and what must be put right.

    ``repairs`` are called in the reverse order; ``told`` are sentences about what was seen.
    """

    target: Target
    path: Path
    load: Load | None = None
    repairs: list[Callable[[], None]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorScenario:
    """One fault.

    Parameters
    ----------
    error_type, component, failure_point:
        Its family, what it befalls, and where.
    expected_behavior, recovery_mechanism:
        What the pipeline does meanwhile, and whether it goes on by itself.
    inject:
        Does it, and adds to the scene's repairs how it is undone. Raises an error when it could not.
    probe:
        Shows, without asking the pipeline, that it is there, and how the pipeline behaves; raises where it is not so.
    under_load:
        Whether lines flow when it happens.
    test_duration_seconds:
        Within which it catches up after the repair on a machine that does nothing else.
    """

    name: str
    description: str
    error_type: str
    component: str
    failure_point: str
    expected_behavior: Expected
    recovery_mechanism: Recovery
    test_duration_seconds: float
    inject: Callable[[Scene], None]
    probe: Callable[[Scene], str]
    under_load: bool = True


@dataclass
class ErrorFault:
    """An error scenario as a fault: done, shown to be there, repaired, and caught up with, the ledger exact.

    ``recovery_seconds`` are those from the repair until everything was caught up, of the last time that it was undone.
    """

    scenario: ErrorScenario
    rows: int
    recovery_seconds: float | None = None
    _scenes: dict[str, Scene] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the scenario."""
        return self.scenario.name

    @property
    def description(self) -> str:
        """What happens."""
        return self.scenario.description

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the files of the pipeline, whose lines flow meanwhile."""
        return target.is_stage and target.stage.kind == "files"

    def plan(self, target: Target) -> Injury:
        """Return what will happen."""
        return Injury(self.name, target.pipeline.name, target.name, self.description)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Let lines flow, do it, and show that it is there; undone at once where that cannot be shown."""
        self.recovery_seconds = None
        scene = self._scenes[injury.id] = Scene(target, new_file(self.rows))
        with _undone_on_failure(scene):
            if self.scenario.under_load:
                scene.load = Load(scene.path)
                scene.load.begin()
            self.scenario.inject(scene)
            if scene.load is not None:
                scene.load.require_running()
            scene.told.append(self.scenario.probe(scene))
        return Injury(
            injury.fault, injury.pipeline, injury.target, f"{injury.what}: {'; '.join(scene.told)}", id=injury.id
        )

    def undo(self, target: Target, injury: Injury) -> None:
        """Repair it, wait until all is caught up, and compare the ledger of the file with its truth."""
        scene = self._scenes.pop(injury.id, None)
        if scene is None:
            raise TerminalError(
                "the process that did this has ended, and what it started with it.",
                next_step="Start the stack again: pipeline-checks up sales.",
            )
        begun = monotonic()
        try:
            _repair(scene)
            if scene.load is not None:
                scene.load.finish()
            wait_until_caught_up(max(self.scenario.test_duration_seconds, _PATIENCE_SECONDS))
        finally:
            if scene.load is not None:
                scene.load.end()
        self.recovery_seconds = monotonic() - begun
        require_exact(scene.path)


@contextmanager
def _undone_on_failure(scene: Scene) -> Iterator[None]:
    try:
        yield
    except BaseException:
        try:
            _repair(scene)
            if scene.load is not None:
                scene.load.finish()
        finally:
            if scene.load is not None:
                scene.load.end()
        raise


def _repair(scene: Scene) -> None:
    while scene.repairs:
        scene.repairs.pop()()
