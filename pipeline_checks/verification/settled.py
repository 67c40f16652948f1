"""A stage after settling: the position it is judged at, and how that stands to the cut."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.stage import PinnedStage, StageDeclaration


@dataclass(frozen=True)
class Settled:
    """One stage, pinned.

    ``pinned`` is None when the stage could not be reached or read at all; ``problem`` then says why. ``covers`` are
    the offsets (exclusive) up to which the stage holds the events of its topics, where it is fed by topics.
    """

    declaration: StageDeclaration
    pinned: PinnedStage | None
    coverage: CoverageState
    covers: OffsetsPosition | None = None
    problem: PipelineChecksError | None = None

    @property
    def position(self) -> Position | None:
        """The position that every check of the run sees."""
        return None if self.pinned is None else self.pinned.position

    @property
    def lost(self) -> PipelineChecksError:
        """Why the stage could not be read."""
        return self.problem or TransientError(f"{self.declaration.name} could not be read")

    def readable(self) -> PinnedStage:
        """Return the pinned stage; raises what kept it from being read."""
        if self.pinned is None:
            raise self.lost
        return self.pinned


def unreachable(declaration: StageDeclaration, problem: PipelineChecksError, waited: float) -> Settled:
    """Return the state of a stage that could not be looked at."""
    return Settled(
        declaration=declaration,
        pinned=None,
        coverage=CoverageState(None, None, 0, waited, reason=str(problem)),
        problem=problem,
    )
