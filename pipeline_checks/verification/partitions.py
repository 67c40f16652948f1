"""One partition of a stage judged by itself: the promises that hold of each row, and of the keys of a partition."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.checks.registry import check as check_of_kind
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.engines.frames import lazy_frame
from pipeline_checks.engines.registry import engine_for
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.model.measure import (
    Coverage,
    CoverageState,
    DuplicateClasses,
    Measure,
    Measured,
    RowCount,
    RowMeasure,
    UpstreamDuplicates,
)
from pipeline_checks.model.partitions import PartitionsDeclaration
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import Position
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.stage import PinnedStage, Rows, StageDeclaration
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.verification.duplicate_classes import duplicate_classes
from pipeline_checks.verification.honesty import could_not_look, honest

if TYPE_CHECKING:
    import polars

KINDS = ("duplicates", "nulls", "values")
"""The checks that can be judged of some rows of a stage: they promise something of each row, or of a key's rows."""


def kinds_of(stage: StageDeclaration) -> list[str]:
    """Return the checks that are judged of each partition of a stage."""
    return [check.kind for check in checks_of(stage) if check.kind in KINDS]


def partition_rows(stage: StageDeclaration) -> dict[str, int]:
    """Return how many rows each partition has now that has any, with one read of the partition's column.

    Raises TransientError or TerminalError when the stage cannot be read.
    """
    import polars as pl

    declared = _declared(stage)
    reader = open_stage(stage)
    try:
        pinned = reader.at(reader.reached().position)
        frame = lazy_frame(pinned.rows([declared.column]), [declared.column])
        counted = frame.select(_name(declared, frame).alias("name")).group_by("name").agg(pl.len().alias("rows"))
        found = dict(counted.collect(engine="streaming").iter_rows())
    finally:
        reader.close()
    if declared.is_daily:
        return {name: rows for name, rows in found.items() if name is not None and name >= str(declared.start)}
    return {name: rows for name, rows in found.items() if name in declared.values}


def judge_partition(pipeline: Pipeline, name: str, partition: str) -> RunResult:
    """Return the verdicts about one partition of a stage, at the stage's newest position.

    Nothing is raised for what is wrong with the stage; raises ConfigurationError when it has no partitions.
    """
    stage = pipeline.stage(name)
    declared = _declared(stage)
    started_at, started = now(), monotonic()
    reader = open_stage(stage)
    try:
        pinned = _Partition(reader.at(reader.reached().position), declared, partition)
        rows = int(_measured(pinned, frozenset({RowCount()}))[RowCount()].value)
        settled = StageResult(stage.name, stage.kind, pinned.position, None, Measured(rows))
        checks = [_judged(stage, kind, pinned, rows) for kind in kinds_of(stage)]
    except PipelineChecksError as problem:
        settled = StageResult(stage.name, stage.kind, None, None, problem=str(problem))
        checks = [CheckResult(stage.name, kind, could_not_look(problem), 0.0) for kind in kinds_of(stage)]
    finally:
        reader.close()
    return RunResult(
        uuid.uuid4().hex, pipeline.name, started_at, monotonic() - started, None, (settled,), tuple(checks)
    )


def _judged(stage: StageDeclaration, kind: str, pinned: _Partition, rows: int) -> CheckResult:
    started = monotonic()
    check = check_of_kind(kind)
    configuration = check.configure(stage)
    # Whether the stage holds everything of a cut is for its own checks to say, not for those of some rows of it.
    coverage = CoverageState(True, 0.0, rows)
    try:
        values: dict[Measure, Measured] = {Coverage(): Measured(coverage)}
        wanted = check.measures(stage, configuration)
        values |= _measured(pinned, frozenset(m for m in wanted if isinstance(m, RowMeasure)))
        for measure in wanted - set(values):
            values[measure] = Measured(_derived(stage, pinned, measure, values))
        judgement = check.judge(configuration, Evidence(stage, now(), pinned.position, values))
    except Exception as problem:  # one check that fails must not take the others with it
        return CheckResult(stage.name, kind, could_not_look(problem), monotonic() - started)
    return CheckResult(stage.name, kind, honest(kind, stage, judgement, coverage, None), monotonic() - started)


def _derived(stage: StageDeclaration, pinned: _Partition, measure: Measure, values: dict[Measure, Measured]) -> Any:
    if isinstance(measure, DuplicateClasses):
        doubled = next(v.value for m, v in values.items() if type(m).__name__ == "DuplicateKeys")
        return duplicate_classes(stage, pinned, doubled)
    if isinstance(measure, UpstreamDuplicates):
        return None
    raise ConfigurationError(f"{measure} is not known of a partition of {stage.name}.")


def _measured(pinned: _Partition, measures: frozenset[Any]) -> dict[Measure, Measured]:
    return engine_for(pinned.rows(None)).measure(pinned.rows, measures) if measures else {}


@dataclass(frozen=True)
class _Partition:
    """The rows of one partition of a pinned stage. Nothing is answered from metadata, which is of all rows."""

    whole: PinnedStage
    declared: PartitionsDeclaration
    name: str

    @property
    def position(self) -> Position:
        return self.whole.position

    def schema(self) -> Any:
        return self.whole.schema()

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        return {}

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        import polars as pl

        wanted = list(columns) if columns is not None else list(self.schema().names)
        read = list(dict.fromkeys([*wanted, self.declared.column]))
        frame = lazy_frame(self.whole.rows(read), read)
        return frame.filter(_name(self.declared, frame) == pl.lit(self.name)).select(*wanted)


def _name(declared: PartitionsDeclaration, frame: polars.LazyFrame) -> polars.Expr:
    """The name of the partition that a row is in."""
    import polars as pl

    column = pl.col(declared.column)
    if not declared.is_daily:
        return column.cast(pl.String)
    kind = frame.select(column).collect_schema()[declared.column]
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        column = column.dt.convert_time_zone("UTC")
    if not isinstance(kind, pl.Datetime | pl.Date):
        raise ConfigurationError(
            f"partitions by day need times, and {declared.column!r} holds {kind}.",
            next_step="Name a column of type timestamp, timestamptz or date, or declare values.",
        )
    return column.dt.strftime("%Y-%m-%d")


def _declared(stage: StageDeclaration) -> PartitionsDeclaration:
    if stage.partitions is None:
        raise ConfigurationError(
            f"{stage.name} has no partitions.", next_step="Declare them: partitions: {column: NAME, start: DAY}."
        )
    return stage.partitions
