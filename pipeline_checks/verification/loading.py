"""Files that are loaded into a table: which stages tell of them, waiting for runs to end, and what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.kinds import LOAD_LEDGER_KINDS, LOAD_VIEW_KINDS, OBJECT_KINDS
from pipeline_checks.model.loading import RUNNING, LoadedTable, LoadFacts, Loads, TableLoad
from pipeline_checks.model.measure import CoverageState, LatencySample
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration, StageReader
from pipeline_checks.stages.commits import FilesCovered
from pipeline_checks.stages.load_pinned import PinnedLoads
from pipeline_checks.stages.no_table import NoTable
from pipeline_checks.stages.s3_pinned import PinnedS3Files
from pipeline_checks.verification.settled import Settled, unreachable

if TYPE_CHECKING:
    from pipeline_checks.stages.iceberg_loads import IcebergLoads
    from pipeline_checks.verification.pinning import Pinner


def is_of_loads(declaration: StageDeclaration) -> bool:
    """Whether a stage is one of those that are settled here: a ledger of loads, an API of it, or the loaded table."""
    return declaration.kind in LOAD_LEDGER_KINDS | LOAD_VIEW_KINDS or is_loaded_table(declaration)


def is_loaded_table(declaration: StageDeclaration) -> bool:
    """Whether a stage is a table that says of which file its rows are."""
    return isinstance(getattr(declaration, "covers", None), FilesCovered)


def settle_loads(pipeline: Pipeline, pinner: Pinner, declaration: StageDeclaration, deadline: Deadline) -> Settled:
    """Return a stage settled: of the ledger when no run is under way any more, of the others as they are then."""
    reader = pinner.reader(declaration)
    if declaration.kind in LOAD_LEDGER_KINDS:
        return _settle_ledger(declaration, reader, deadline)
    above = next((s for s in pipeline.ancestors(declaration) if s.kind in LOAD_LEDGER_KINDS), None)
    if above is None:
        lacking = TransientError(f"no ledger of loads stands before {declaration.name}")
        return unreachable(declaration, lacking, deadline.elapsed)
    ledger = pinner.settled(above)
    told = loads_of(ledger)
    coverage = replace(ledger.coverage, events=len(told.files))
    try:
        if is_loaded_table(declaration):
            return Settled(declaration, _pinned_table(declaration, reader, told), coverage)
        return Settled(declaration, reader.at(reader.reached().position), coverage)
    except PipelineChecksError as problem:
        return unreachable(declaration, problem, deadline.elapsed)


def loads_of(settled: Settled) -> Loads:
    """Return what a ledger, or an API of it, told."""
    pinned = settled.readable()
    assert isinstance(pinned, PinnedLoads)  # the kinds that come here are pinned as this
    return pinned.loads


def table_loads(pinner: Pinner, settled: Settled, ingestion: str) -> IcebergLoads | None:
    """Return how a table was loaded; None where there is no table."""
    from pipeline_checks.stages.iceberg_pinned import PinnedIceberg

    pinned = settled.readable()
    if isinstance(pinned, NoTable):
        return None
    declared: Any = settled.declaration  # whose ``covers`` names the properties, or it would not come here
    if not isinstance(pinned, PinnedIceberg):
        raise TransientError(f"of {settled.declaration.name} it cannot be told from which files its rows are")
    return pinned.loads(declared.covers.files, ingestion)


def load_facts(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> LoadFacts:
    """Return what the stages up to this one tell of the files; raises what kept one of them from being read."""
    declaration = settled.declaration
    stages = [declaration, *pipeline.ancestors(declaration)]
    facts = LoadFacts()
    for stage in stages:
        if stage.kind in OBJECT_KINDS:
            pinned = pinner.settled(stage).readable()
            assert isinstance(pinned, PinnedS3Files)
            facts = replace(facts, source=pinned.files(), listed_at=pinned.listed_at)
        elif stage.kind in LOAD_LEDGER_KINDS:
            facts = replace(facts, ledger=loads_of(pinner.settled(stage)))
            if declaration.kind in LOAD_VIEW_KINDS:
                reader = pinner.reader(stage)
                again = reader.at(reader.reached().position)
                assert isinstance(again, PinnedLoads)
                facts = replace(facts, later=again.loads)
    if declaration.kind in LOAD_VIEW_KINDS:
        facts = replace(facts, served=loads_of(settled))
    table = next((s for s in stages if is_loaded_table(s)), None)
    if table is not None:
        facts = replace(facts, table=_told_by(pinner, pinner.settled(table), facts.known))
    return facts


def load_latency(pipeline: Pipeline, pinner: Pinner, settled: Settled, window: float) -> LatencySample:
    """Return how long each file took from its arrival until it was loaded, of those that came within ``window``."""
    since = now().timestamp() - window
    seconds: list[float] = []
    slowest = None
    for file in loads_of(settled).loaded():
        if file.modified is None or file.processed_at is None or file.modified.timestamp() < since:
            continue
        took = (file.processed_at - file.modified).total_seconds()
        if not seconds or took > max(seconds):
            slowest = {"file": file.path}
        seconds.append(max(0.0, took))
    # A store tells the time of arrival in whole seconds: none can be seen to have been loaded before it came.
    return LatencySample(len(seconds), {"arrival_to_loaded": tuple(seconds)}, 0, slowest and {"key": slowest})


def _told_by(pinner: Pinner, settled: Settled, ledger: Loads) -> LoadedTable:
    loads = table_loads(pinner, settled, ledger.ingestion_id)
    return LoadedTable(None) if loads is None else loads.table()


def _settle_ledger(declaration: StageDeclaration, reader: StageReader, deadline: Deadline) -> Settled:
    from pipeline_checks.verification.settle import poll

    reached, failure = poll(reader, deadline, lambda r: not _under_way(_at(reader, r.position)))
    if reached is None:
        return unreachable(declaration, failure, deadline.elapsed)
    pinned = reader.at(reached.position)
    assert isinstance(pinned, PinnedLoads)
    files = len(pinned.loads.files)
    runs = _under_way(pinned.loads)
    if not runs:
        return Settled(declaration, pinned, CoverageState(True, 0.0, files, deadline.elapsed))
    lag = max(0.0, (now() - min(run.started_at for run in runs)).total_seconds())
    reason = f"the run {runs[0].id} is under way"
    return Settled(declaration, pinned, CoverageState(False, lag, files, deadline.elapsed, reason))


def _at(reader: StageReader, position: Any) -> Loads:
    pinned = reader.at(position)
    assert isinstance(pinned, PinnedLoads)
    return pinned.loads


def _under_way(loads: Loads) -> list[Any]:
    """The runs that go on: one whose lease is over goes on no more, whatever it is said to do."""
    alive = [run for run in loads.runs if run.status == RUNNING]
    return [run for run in alive if run.lease_until is None or run.lease_until > loads.taken_at]


def _pinned_table(declaration: StageDeclaration, reader: StageReader, ledger: Loads) -> Any:
    """Return the table as it was when the ledger was read: later runs may have added to it since."""
    try:
        pinned: Any = reader.at(reader.reached().position)
    except PipelineChecksError as problem:
        if problem.data.get("absent"):
            return NoTable(declaration.name)
        raise
    declared: Any = declaration
    told = pinned.loads(declared.covers.files, ledger.ingestion_id)
    known = {run.id for run in ledger.runs}

    def is_later(one: TableLoad) -> bool:
        return one.run_id is not None and one.run_id not in known and one.ingestion_id == ledger.ingestion_id

    later = [one.snapshot_id for one in told.table().loads if is_later(one) and one.committed_at > ledger.taken_at]
    if not later:
        return pinned
    from pipeline_checks.stages.iceberg_history import position_of

    first = pinned.table.snapshot_by_id(later[0])
    before = None if first is None else first.parent_snapshot_id
    return reader.at(position_of(None if before is None else pinned.table.snapshot_by_id(before)))
