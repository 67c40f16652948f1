"""Foreign keys between two stages of one pipeline, at the cut.

The two tables need not stand at the same position. A key with an event on different sides of the cut and of its table's
position is left out: of the referring table its row, of the other the values that the key's rows had or have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.engines.frames import lazy_rows
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.kinds import SERVED_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.row_promises import ReferenceDifference, References
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

_VALUE, _FIRST = "__value", "__first"


def reference_difference(
    pipeline: Pipeline, pinner: Pinner, settled: Settled, asked: References
) -> ReferenceDifference:
    """Return which rows of a stage refer to something that the other stage does not hold.

    Raises ConfigurationError when there is no such stage or column, TransientError when it could not be read.
    """
    import polars as pl

    stage = settled.declaration
    target = _target(pipeline, pinner, stage, asked)
    column = asked.target_column or _only_key(target)
    other = pinner.settled(target)
    own_rows = lazy_rows(settled.readable(), _names(stage, asked.column)).drop_nulls(asked.column)
    held = lazy_rows(other.readable(), [column]).drop_nulls(column).unique()
    key = list(stage.contract.key)
    values = held.collect(engine="streaming").get_column(column)
    rows = own_rows.select(*key, pl.col(asked.column).alias(_VALUE)).collect(engine="streaming")
    values = _in_type_of(values, rows.schema[_VALUE], f"{stage.name}.{asked.column}", f"{target.name}.{column}")
    dangling = rows.filter(~pl.col(_VALUE).is_in(values.implode()))
    found = dangling
    if found.height:
        found = _without_moved(found, pipeline, pinner, settled, key)
    if found.height:
        found = _without_moved_values(found, pipeline, pinner, other, column)
    first = found.sort(key, nulls_last=True).head(KEY_SAMPLE)
    stages = _first_stages(first, pipeline, pinner, (stage, asked.column), (target, column)) if found.height else ()
    return ReferenceDifference(
        rows=rows.height,
        dangling_total=found.height,
        dangling=tuple(
            ({k: to_json_value(row[k]) for k in key}, to_json_value(row[_VALUE])) for row in first.iter_rows(named=True)
        ),
        first_stages=tuple(stages),
        left_out=dangling.height - found.height,
        against=f"{target.name}.{column}",
    )


def _first_stages(
    dangling: polars.DataFrame,
    pipeline: Pipeline,
    pinner: Pinner,
    own: tuple[StageDeclaration, str],
    other: tuple[StageDeclaration, str],
) -> list[str]:
    """The first stage at which each of the rows refers to nothing, the source before what is made from it."""
    import polars as pl

    (stage, column), (target, target_column) = own, other
    key = list(stage.contract.key)
    identity = dangling.with_columns(pl.lit(stage.name).alias(_FIRST))
    targets = (target, *pipeline.ancestors(target))
    for above in pipeline.ancestors(stage):  # the nearest first, so that the one furthest up has the last word
        held_by = next((t for t in targets if t.kind == above.kind), None)
        if held_by is None or above.row_meaning != "current" or above.contract.key != stage.contract.key:
            continue
        if above.kind in TOPIC_KINDS or not _has(above, column) or not _has(held_by, target_column):
            continue
        rows = lazy_rows(pinner.settled(above).readable(), _names(above, column))
        there = rows.select(
            *(pl.col(k).cast(dangling.schema[k]) for k in key),
            pl.col(column).cast(dangling.schema[_VALUE]).alias(_VALUE),
        )
        values = lazy_rows(pinner.settled(held_by).readable(), [target_column]).select(
            pl.col(target_column).cast(dangling.schema[_VALUE]).alias(_VALUE)
        )
        same = there.join(dangling.lazy(), on=[*key, _VALUE], how="semi", nulls_equal=True)
        wrong = same.join(values, on=_VALUE, how="anti").select(key).unique().collect(engine="streaming")
        wrong = wrong.with_columns(pl.lit(above.name).alias("__above"))
        identity = identity.join(wrong, on=key, how="left", nulls_equal=True, maintain_order="left")
        identity = identity.with_columns(pl.coalesce("__above", _FIRST).alias(_FIRST)).drop("__above")
    return identity.get_column(_FIRST).to_list()


def _has(stage: StageDeclaration, column: str) -> bool:
    return column in stage.contract.columns or column in stage.contract.key


def _target(pipeline: Pipeline, pinner: Pinner, stage: StageDeclaration, asked: References) -> StageDeclaration:
    """The stage referred to: by its name, or the one that is to its source what ``stage`` is to its own."""
    names = {s.name: s for s in pipeline.stages}
    named = names.get(asked.target)
    if named is None:
        raise ConfigurationError(
            f"{stage.name} refers to {asked.target!r}, which is no stage of {pipeline.name}.",
            next_step="Name a stage, or with {source: NAME} the source table of one.",
            stage=stage.name,
        )
    if not asked.by_source or named.kind == stage.kind:
        return named
    for other in pipeline.stages:
        alike = other.kind == stage.kind and other.row_meaning == stage.row_meaning
        if alike and pinner.source_of(other) == named:
            return other
    raise ConfigurationError(
        f"{stage.name} refers to what is made from {asked.target}, but no other {stage.kind} is.",
        next_step="Name the stage itself.",
        stage=stage.name,
    )


def _only_key(target: StageDeclaration) -> str:
    if len(target.contract.key) != 1:
        raise ConfigurationError(
            f"which column of {target.name} is referred to is not known: its key has not one column.",
            next_step="Name it: stage.column.",
            stage=target.name,
        )
    return target.contract.key[0]


def _names(stage: StageDeclaration, column: str) -> list[str]:
    return list(dict.fromkeys((*stage.contract.key, column)))


def _in_type_of(values: polars.Series, wanted: polars.DataType, own: str, other: str) -> polars.Series:
    """The values in the type that the references have: integers may differ in width, nothing else may."""
    import polars as pl

    if values.dtype == wanted:
        return values
    if values.dtype.is_integer() and wanted.is_integer():
        narrowed: polars.Series = values.cast(wanted, strict=False).drop_nulls()
        return narrowed
    if isinstance(values.dtype, pl.Decimal) and isinstance(wanted, pl.Decimal):
        return values.cast(wanted, strict=False).drop_nulls()
    raise ConfigurationError(
        f"{own} ({wanted}) cannot refer to {other} ({values.dtype}): the types differ.",
        next_step="Name a column of the same type.",
    )


def _streams(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> tuple[list[TopicHistory], OffsetsPosition]:
    """The topics that feed a table, or the table that an API serves, and what it covers of them."""
    stage = settled.declaration
    if stage.kind in SERVED_KINDS and stage.from_:
        return _streams(pipeline, pinner, pinner.settled(pipeline.upstream(stage)[0]))
    histories = [pinner.history(topic.name) for topic in pinner.topics_of(stage)]
    return histories, settled.covers or OffsetsPosition.of({})


def _without_moved(
    found: polars.DataFrame, pipeline: Pipeline, pinner: Pinner, settled: Settled, key: Sequence[str]
) -> polars.DataFrame:
    """Leave out the rows whose own keys were touched between the cut and the position of their table."""
    histories, covers = _streams(pipeline, pinner, settled)
    for history in histories:
        moved = history.moved(covers)
        if moved is None:
            return found.clear()
        aligned = moved.cast({k: found.schema[k] for k in key})
        found = found.join(aligned, on=list(key), how="anti", nulls_equal=True)
    return found


def _without_moved_values(
    found: polars.DataFrame, pipeline: Pipeline, pinner: Pinner, other: Settled, column: str
) -> polars.DataFrame:
    """Leave out the references to values that a row had whose key was touched between cut and position."""
    import polars as pl

    histories, covers = _streams(pipeline, pinner, other)
    for history in histories:
        moved = history.moved(covers)
        source = other.declaration.columns.get(column, column)
        if moved is None or (moved.height and source not in {*history.key, *history.declaration.contract.columns}):
            return found.clear()  # what the touched rows had cannot be told
        if not moved.height:
            continue
        told = moved if source in history.key else history.rows([source])
        events = told.join(moved, on=list(history.key), how="semi", nulls_equal=True)
        had = events.get_column(source).drop_nulls().unique().cast(found.schema[_VALUE], strict=False)
        found = found.filter(~pl.col(_VALUE).is_in(had.implode()))
    return found
