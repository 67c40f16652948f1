"""The events of the topic that feeds a table, for damages that are chosen by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.events import CHANGE_OPERATIONS, EVENT_COLUMNS, OFFSET, OP, PARTITION, TRUNCATE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.verification.fold import PRESENT, fold_presence

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Feeding:
    """The topic that feeds a table."""

    declaration: StageDeclaration
    name_in_kafka: str

    @property
    def key(self) -> list[str]:
        """Its key columns."""
        return list(self.declaration.contract.key)


def feeding(pipeline: Pipeline, stage: StageDeclaration) -> Feeding:
    """Return the topic that a table is made from; raises TerminalError when it is made from none."""
    for upstream in pipeline.upstream(stage):
        name = getattr(upstream, "topic", None)
        if isinstance(name, str):
            return Feeding(upstream, name)
    raise TerminalError(f"{stage.name} is made from no topic.", next_step="Choose a stage that is.")


def topic_events(
    pipeline: Pipeline, stage: StageDeclaration, covers: OffsetsPosition
) -> tuple[polars.DataFrame, Feeding]:
    """Return the events below what a table covers: their columns of ``model.events`` and the key."""
    import polars as pl

    topic = feeding(pipeline, stage)
    reader: Any = open_stage(topic.declaration)
    try:
        end = reader.reached().position
        events = pl.from_arrow(reader.at(end).rows((*EVENT_COLUMNS, *topic.key)))
    finally:
        reader.close()
    assert isinstance(events, pl.DataFrame)
    parts = covers.partitions(topic.name_in_kafka)
    below = pl.any_horizontal(
        pl.lit(False), *((pl.col(PARTITION) == p) & (pl.col(OFFSET) < o) for p, o in parts.items())
    )
    return events.filter(below), topic


def present_keys(
    pipeline: Pipeline, stage: StageDeclaration, covers: OffsetsPosition
) -> tuple[polars.DataFrame, Feeding]:
    """Return the keys that the events below what a table covers leave, with the place of the last event of each."""
    import polars as pl

    events, topic = topic_events(pipeline, stage, covers)
    changes = events.filter(pl.col(OP).is_in([*CHANGE_OPERATIONS, TRUNCATE]))
    return fold_presence(changes, topic.key).filter(pl.col(PRESENT)), topic
