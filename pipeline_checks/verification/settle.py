"""Settling: waiting until a stage covers the cut, or its deadline, and pinning it there.

One function a relation of stages. None of them raises: what went wrong stands in the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.cut import Cut
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.measure import CoverageState, Facts
from pipeline_checks.model.position import (
    EntriesPosition,
    LsnPosition,
    OffsetsPosition,
    Position,
    SnapshotPosition,
    VersionPosition,
)
from pipeline_checks.model.stage import PinnedStage, Reached, StageDeclaration, StageReader
from pipeline_checks.verification.coverage import judge_coverage
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.settled import Settled, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline_checks.stages.postgres_standby import Behind


def settle_source(declaration: StageDeclaration, pinned: PinnedStage, behind: Behind | None) -> Settled:
    """Return a source as it is seen by the cut's own snapshot: it covers the cut, if no standby was too late for it."""
    coverage = CoverageState(True, 0.0, 1) if behind is None else coverage_of_source(behind)
    return Settled(declaration, pinned, coverage)


def coverage_of_source(behind: Behind) -> CoverageState:
    """Return how a source stands to the cut that is a standby and did not catch up with its primary in time."""
    return CoverageState(False, behind.lag_seconds, 1, 0.0, behind.reason)


def settle_unbound(declaration: StageDeclaration, reader: StageReader) -> Settled:
    """Return a stage with no upstream and no cut: judged at its newest position."""
    reached = reader.reached()
    return Settled(declaration, reader.at(reached.position), CoverageState(True, 0.0, 1))


def settle_feed(declaration: StageDeclaration, reader: StageReader) -> Settled:
    """Return the ledger of a feed with all entries that it has; one without a ledger proves nothing."""
    reached = reader.reached()
    pinned = reader.at(reached.position)
    if isinstance(reached.position, EntriesPosition):
        return Settled(declaration, pinned, CoverageState(True, 0.0, reached.position.entries))
    return Settled(declaration, pinned, CoverageState(None, None, 0, 0.0, f"{declaration.name} keeps no ledger"))


def settle_connector(
    declaration: StageDeclaration, reader: StageReader, cut: Cut | None, deadline: Deadline
) -> Settled:
    """Wait until the connector has committed a position at or behind the cut's mark.

    Connect commits an offset only for records that the broker acknowledged, so then everything of the cut is in
    its topics.
    """
    reached, failure = poll(reader, deadline, lambda r: cut is None or bool(r.position.covers(LsnPosition(cut.lsn))))
    if reached is None:
        return unreachable(declaration, failure, deadline.elapsed)
    pinned = reader.at(reached.position)
    if cut is None or reached.position.covers(LsnPosition(cut.lsn)):
        return Settled(declaration, pinned, CoverageState(True, 0.0, 1, deadline.elapsed))
    # What it owes first was committed at some time before the cut was taken; how long before is not known.
    lag = max(0.0, (now() - cut.taken_at).total_seconds())
    reason = f"the connector has committed {reached.position.value()}, the cut ends at {LsnPosition(cut.lsn).value()}"
    return Settled(declaration, pinned, CoverageState(False, lag, 1, deadline.elapsed, reason))


def settle_topic(
    declaration: StageDeclaration,
    reader: StageReader,
    fed: CoverageState,
    make_history: Callable[[PinnedStage, Reached], TopicHistory],
    waited: float,
) -> tuple[Settled, TopicHistory | None]:
    """Pin a topic at its high watermarks, taken after what feeds it (``fed``) has settled, and read its events."""
    try:
        reached = reader.reached()
        pinned = reader.at(reached.position)
        history = make_history(pinned, reached)
    except PipelineChecksError as problem:
        return unreachable(declaration, problem, waited), None
    events = history.frame.height
    reason = fed.reason and f"what fills it is behind: {fed.reason}"
    coverage = CoverageState(fed.covers_cut, fed.lag_seconds, events, waited, reason)
    return Settled(declaration, pinned, coverage), history


def settle_table(
    declaration: StageDeclaration,
    reader: StageReader,
    histories: Sequence[TopicHistory],
    required: OffsetsPosition,
    fed: Sequence[CoverageState],
    deadline: Deadline,
) -> Settled:
    """Wait until the newest commit of a table says that it covers the events of the cut, and pin that version.

    ``histories`` are those of the topics that feed it; they are read on where the table is further than they are.
    """

    def covers_cut(reached: Reached) -> bool:
        if reached.covers is None:
            return not required.offsets or declaration_says_nothing(declaration)
        return bool(reached.covers.covers(required))

    reached, failure = poll(reader, deadline, covers_cut)
    if reached is None:
        return unreachable(declaration, failure, deadline.elapsed)
    covers = reached.covers if isinstance(reached.covers, OffsetsPosition) else None
    try:
        pinned = reader.at(reached.position)
        if covers is not None:
            for history in histories:
                history.extend(covers)
    except PipelineChecksError as problem:
        return unreachable(declaration, problem, deadline.elapsed)
    says = not declaration_says_nothing(declaration)
    coverage = judge_coverage(histories, declaration.row_meaning, covers, says, now(), deadline.elapsed)
    behind = next((f for f in fed if f.covers_cut is not True), None)
    if behind is not None and coverage.covers_cut:
        reason = f"its topic is not settled: {behind.reason}" if behind.reason else "its topic is not settled"
        coverage = CoverageState(behind.covers_cut, behind.lag_seconds, coverage.events, deadline.elapsed, reason)
    return Settled(declaration, pinned, coverage, covers)


def settle_served(
    declaration: StageDeclaration, reader: StageReader, upstream: Settled, table: StageReader, deadline: Deadline
) -> Settled:
    """Wait until an API serves the version at which its table was pinned, and pin it at that version."""
    wanted = upstream.position
    if upstream.pinned is None or not isinstance(wanted, VersionPosition | SnapshotPosition):
        problem = upstream.problem or TransientError(f"{upstream.declaration.name} has no version to compare with")
        return unreachable(declaration, problem, deadline.elapsed)
    pinned_at: Position = wanted

    def serves(position: Position) -> bool:
        if position.value() == pinned_at.value():
            return True
        if isinstance(position, SnapshotPosition) and isinstance(table, OrdersSnapshots):
            position = table.placed(position)  # an API names a snapshot and does not say where it stands among others
        return bool(position.covers(pinned_at))

    reached, failure = poll(reader, deadline, lambda r: serves(r.position))
    if reached is None:
        return unreachable(declaration, failure, deadline.elapsed)
    if not serves(reached.position):
        pinned = reader.at(reached.position)
        lag = upstream.coverage.lag_seconds if upstream.coverage.covers_cut is False else deadline.elapsed
        reason = f"it serves version {reached.position.value()}, its table stands at {pinned_at.value()}"
        return Settled(
            declaration, pinned, CoverageState(False, lag, upstream.coverage.events, deadline.elapsed, reason)
        )
    up = upstream.coverage
    reason = f"its table is not settled: {up.reason}" if up.covers_cut is not True else ""
    coverage = CoverageState(up.covers_cut, up.lag_seconds, up.events, deadline.elapsed, reason)
    return Settled(declaration, reader.at(pinned_at), coverage)


@runtime_checkable
class OrdersSnapshots(Protocol):
    """A table that can tell where a snapshot stands among its others."""

    def placed(self, position: SnapshotPosition) -> SnapshotPosition: ...


def declaration_says_nothing(declaration: StageDeclaration) -> bool:
    """Whether the stage is declared to say nothing about what it covers (``covers: none``)."""
    return getattr(declaration, "covers", None) in (None, "none")


def snapshot_is_running(reader: StageReader) -> bool:
    """Whether the connector is still reading its initial snapshot, or has committed nothing yet."""
    facts = Facts("offset")
    offset = reader.at(reader.reached().position).answer(frozenset({facts}))[facts].value
    return offset.get("lsn") is None or bool(offset.get("snapshot"))


def poll(
    reader: StageReader, deadline: Deadline, settled: Callable[[Reached], bool]
) -> tuple[Reached | None, PipelineChecksError]:
    """Ask for the newest position until it is settled or the deadline has passed; the last answer either way."""
    last: list[Reached] = []
    failure: list[PipelineChecksError] = []

    def probe() -> bool:
        try:
            answer = reader.reached()
        except TransientError as problem:
            failure[:] = [problem]
            return False
        last[:] = [answer]
        return settled(answer)

    try:
        deadline.wait_until(probe)
    except PipelineChecksError as problem:
        return None, problem
    if last:
        return last[0], TransientError("")
    return None, failure[0] if failure else TransientError("the stage did not answer")
