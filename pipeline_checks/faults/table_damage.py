"""Damages of a lake table as a whole: its columns, what it says that it covers, a stretch of its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks.faults.folded_topic import present_keys, topic_events
from pipeline_checks.faults.lake_table import LakeTable, covers_of
from pipeline_checks.faults.row_damage import Chosen, Scene
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.events import CHANGE_OPERATIONS, OFFSET, OP, PARTITION
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import polars

STRETCH = 25
"""Keys of a lost stretch; fewer than 20 would be told one by one."""


def _spare(stage: StageDeclaration, family: str = "string") -> str:
    """Return a column of which neither key nor event time nor a value is promised."""
    for name, column in stage.contract.columns.items():
        promised = name in stage.contract.key or name == stage.contract.event_time or column.promises
        if not promised and column.nullable and column.computed is None and column.type.family == family:
            return name
    raise TerminalError(f"{stage.name} has no column of {family} to spare.", next_step="Choose another stage.")


def drop_column(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Write the table without a column."""
    column = _spare(stage)
    table.replace(table.rows().drop_columns([column]), None)
    return {"column": column}


def rename_column(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Give a column another name."""
    column = _spare(stage)
    to = f"{column}_text"
    table.rename_column(column, to)
    return {"column": column, "to": to}


def retype_column(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Write an amount as a floating point number."""
    import pyarrow as pa

    column = next(
        (n for n, c in stage.contract.columns.items() if c.type.family == "decimal" and n not in stage.contract.key), ""
    )
    if not column:
        raise TerminalError(f"{stage.name} has no column of decimals.", next_step="Choose another stage.")
    rows = table.rows()
    at = rows.schema.get_field_index(column)
    table.replace(rows.set_column(at, pa.field(column, pa.float64()), rows.column(column).cast(pa.float64())), None)
    return {"column": column}


def add_column(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Write a column that no one promised."""
    import pyarrow as pa

    rows, column = table.rows(), "note"
    table.replace(rows.append_column(pa.field(column, pa.string()), pa.nulls(rows.num_rows, pa.string())), None)
    return {"column": column}


def rewrite(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Write the same rows again."""
    table.replace(table.rows(), None)
    return {}


def covers_back(pipeline: Pipeline, stage: StageDeclaration, table: LakeTable) -> dict[str, Any]:
    """Say that the last change of a partition is not covered."""
    import polars as pl

    covers = covers_of(stage)
    events, topic = topic_events(pipeline, stage, covers)
    last = events.filter(pl.col(OP).is_in(CHANGE_OPERATIONS)).sort(PARTITION, OFFSET).group_by(PARTITION).last()
    row = last.sort(PARTITION).row(0, named=True)
    partitions = {**covers.partitions(topic.name_in_kafka), row[PARTITION]: row[OFFSET]}
    table.advance(OffsetsPosition.of({topic.name_in_kafka: partitions}))
    return {
        "partition": row[PARTITION],
        "offset": row[OFFSET],
        "op": row[OP],
        "key": {o: to_json_value(row[k]) for k, o in zip(topic.key, stage.contract.key, strict=True)},
    }


def lost_stretch(scene: Scene) -> Chosen:
    """Choose the keys whose last changes lie in one stretch of a partition."""
    present, topic = present_keys(scene.pipeline, scene.stage, covers_of(scene.stage))
    of_partition = present.filter(present[PARTITION] == present[PARTITION].min()).sort(OFFSET)
    if of_partition.height < STRETCH + 2:
        raise TerminalError(
            f"the first partition of {topic.name_in_kafka} has {of_partition.height} keys, too few to lose {STRETCH}.",
            next_step="Seed more rows first.",
        )
    lost = of_partition.slice(1, STRETCH)
    wanted = {tuple(row) for row in lost.select(topic.key).iter_rows()}
    rows = tuple(r for r in scene.rows.to_pylist() if tuple(r[k] for k in scene.key) in wanted)
    return Chosen(rows, rows, {"ranges": [_range(topic.name_in_kafka, lost)]})


def every_row(scene: Scene) -> Chosen:
    """Choose all keys, told by the stretches of the partitions."""
    present, topic = present_keys(scene.pipeline, scene.stage, covers_of(scene.stage))
    rows = tuple(scene.rows.to_pylist())
    parts = present.sort(PARTITION, OFFSET).partition_by(PARTITION, maintain_order=True)
    return Chosen(rows, rows, {"ranges": [_range(topic.name_in_kafka, part) for part in parts]})


def _range(topic: str, lost: polars.DataFrame) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": lost.item(0, PARTITION),
        "first": lost.item(0, OFFSET),
        "last": lost.item(-1, OFFSET),
        "keys": lost.height,
    }
