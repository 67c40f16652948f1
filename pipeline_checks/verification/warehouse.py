"""Settling a warehouse: one snapshot of it for all of its stages, at which loads and models have caught up.

A table of the warehouse follows a table of a lake; it has caught up when its newest load is of the version at which
that one was pinned, or a later one. Models have when the newest run of dbt has seen every load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.kinds import DBT_KINDS, WAREHOUSE_KINDS
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.settled import Settled, unreachable

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_snapshot import Snapshot
    from pipeline_checks.stages.warehouse_reader import PinnedWarehouse


def warehouse_of(stage: StageDeclaration) -> str:
    """Return the URL of the database that holds a stage of a warehouse."""
    declared: Any = stage  # of a kind among WAREHOUSE_KINDS, which have a connection
    return resolve(declared.connection.url)


@dataclass
class Warehouse:
    """All stages of one warehouse in one snapshot."""

    snapshot: Snapshot
    settled: dict[str, Settled]

    def close(self) -> None:
        """End the snapshot."""
        self.snapshot.close()


def settle_warehouse(
    pipeline: Pipeline, url: str, above: Callable[[StageDeclaration], Settled], deadline: Deadline
) -> Warehouse:
    """Take snapshots of a warehouse until one has caught up or the deadline has passed, and settle its stages there.

    ``above`` gives the settled stages that the warehouse is loaded from. Raises what keeps the warehouse from being
    asked at all.
    """
    from pipeline_checks.stages.postgres_snapshot import Snapshot

    stages = [s for s in pipeline.stages if s.kind in WAREHOUSE_KINDS and warehouse_of(s) == url]
    own = {s.name for s in stages}
    origins = {s.name: [above(u) for u in pipeline.upstream(s) if u.name not in own] for s in stages}
    last: list[Warehouse] = []
    problems: list[PipelineChecksError] = []

    def look() -> bool:
        try:
            seen = Warehouse(Snapshot(url), {})
        except TransientError as problem:
            problems[:] = [problem]
            return False
        for stage in stages:
            seen.settled[stage.name] = _settled(pipeline, stage, seen, origins[stage.name], deadline.elapsed)
        for earlier in last:
            earlier.close()
        last[:] = [seen]
        return all(s.coverage.covers_cut is not False for s in seen.settled.values())

    deadline.wait_until(look)
    if not last:
        raise problems[0] if problems else TransientError("the warehouse did not answer")
    return last[0]


def _settled(
    pipeline: Pipeline, stage: StageDeclaration, seen: Warehouse, origins: Sequence[Settled], waited: float
) -> Settled:
    from pipeline_checks.stages.warehouse_reader import pinned_in

    declared: Any = stage
    lost = next((s for s in origins if s.problem is not None), None)
    if lost is not None:
        return unreachable(stage, lost.lost, waited)
    try:
        pinned = pinned_in(seen.snapshot, declared)
    except PipelineChecksError as problem:
        return unreachable(stage, problem, waited)
    within = [seen.settled[u.name] for u in pipeline.upstream(stage) if u.name in seen.settled]
    lost = next((s for s in within if s.problem is not None), None)
    if lost is not None:
        return unreachable(stage, lost.lost, waited)
    coverage = _of_model(pinned, seen, within) if stage.kind in DBT_KINDS else _of_table(pinned, origins)
    behind = next((s for s in (*origins, *within) if s.coverage.covers_cut is not True), None)
    if behind is not None and coverage.covers_cut:
        reason = f"{behind.declaration.name} is not settled: {behind.coverage.reason}"
        coverage = CoverageState(behind.coverage.covers_cut, behind.coverage.lag_seconds, coverage.events, 0.0, reason)
    return Settled(stage, pinned, replace(coverage, waited_seconds=waited))


def _of_table(pinned: PinnedWarehouse, origins: Sequence[Settled]) -> CoverageState:
    """How far a table is that is loaded from a table of a lake, or from files."""
    from pipeline_checks.stages.warehouse_state import Load

    told = pinned.told
    origin = next((s for s in origins if isinstance(s.position, VersionPosition)), None)
    if origin is None or not isinstance(wanted := origin.position, VersionPosition):
        return CoverageState(True, 0.0, 1)
    if not isinstance(told, Load) or told.version is None:
        return CoverageState(False, None, 1, 0.0, f"no load is told of, its origin stands at version {wanted.version}")
    if told.version >= wanted.version:
        return CoverageState(True, 0.0, 1)
    reason = f"version {told.version} is loaded, its origin stands at {wanted.version}"
    return CoverageState(False, _seconds_owed(origin, told.version), 1, 0.0, reason)


def _seconds_owed(origin: Settled, loaded: int) -> float | None:
    """How long ago the first version was committed that is not loaded; None where the log does not tell any more."""
    commits = getattr(origin.pinned, "commits", None)
    owed = [] if commits is None else [c.timestamp for c in commits() if int(c.version) > loaded]
    return _seconds_since(min(owed)) if owed else None


def _of_model(pinned: PinnedWarehouse, seen: Warehouse, within: Sequence[Settled]) -> CoverageState:
    """How far a model is: dbt has seen the newest loads of all tables of the warehouse that are in the snapshot."""
    from pipeline_checks.stages.warehouse_reader import PinnedWarehouse as Pinned
    from pipeline_checks.stages.warehouse_state import DbtRun, Load, unseen

    run = pinned.told if isinstance(pinned.told, DbtRun) else None
    tables = (s.pinned for s in seen.settled.values())
    told = (p.told for p in tables if isinstance(p, Pinned))
    loads = {load.table: load for load in told if isinstance(load, Load)}
    reason = unseen(run, loads)
    if not reason:
        return CoverageState(True, 0.0, len(within) or 1)
    lag = min((_seconds_since(load.at) for load in loads.values()), default=None)
    return CoverageState(False, lag, len(within) or 1, 0.0, reason)


def _seconds_since(instant: datetime) -> float:
    return max(0.0, (now() - instant).total_seconds())
