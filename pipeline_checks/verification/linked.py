"""The records of topics that were made of the records of others, and those that they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import OFFSET, PARTITION, RECORD_KEY
from pipeline_checks.model.kinds import GROUP_KINDS, TOPIC_KINDS
from pipeline_checks.model.links import Links, links_of
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks.verification.pinning import Pinner

if TYPE_CHECKING:
    import polars

    from pipeline_checks.stages.topic_originals import Original

STAGE, TOPIC, KEY = "__stage", "__topic", RECORD_KEY
SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET = "__source_topic", "__source_partition", "__source_offset"
SOURCE_KEY = "__source_key"
SOURCE: list[str] = [SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET]
"""The place of an input record: in its own frame, and as an output names it."""


@runtime_checkable
class ReadsOriginals(Protocol):
    """A topic of which single records can be read again."""

    def originals(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Original]: ...


def inputs_of(pipeline: Pipeline, stage: StageDeclaration) -> list[StageDeclaration]:
    """Return the topics that a consumer group reads, or that a linked topic was made of."""
    return [s for s in pipeline.upstream(stage) if s.kind in TOPIC_KINDS]


def outputs_of(pipeline: Pipeline, group: StageDeclaration) -> list[StageDeclaration]:
    """Return the topics whose records a consumer group has made."""
    return [s for s in pipeline.stages if links_of(s) is not None and group.name in s.from_]


def group_of(pipeline: Pipeline, stage: StageDeclaration) -> StageDeclaration:
    """Return the consumer group that writes a linked topic; raises ConfigurationError when none is declared."""
    for above in pipeline.upstream(stage):
        if above.kind in GROUP_KINDS:
            return above
    raise ConfigurationError(
        f"{stage.name} has links and does not say who made its records.",
        next_step="Declare a stage of kind consumer_group, and name it in `from`.",
    )


def links_required(stage: StageDeclaration) -> Links:
    """Return the links of a stage that has them."""
    found = links_of(stage)
    if found is None:
        raise ConfigurationError(f"{stage.name} has no links.", next_step="Declare `links` of the stage.")
    return found


def input_records(pinner: Pinner, topics: Sequence[StageDeclaration], columns: Sequence[str] = ()) -> polars.DataFrame:
    """Return the records of the input topics: ``SOURCE``, ``SOURCE_KEY``, ``IN_CUT`` and the columns."""
    import polars as pl

    frames = []
    for topic in topics:
        history = pinner.history(topic.name)
        frame = _rows(pinner, topic, (PARTITION, OFFSET, KEY, *columns))
        position = pinner.settled(topic).position
        limits = position.partitions(history.topic) if isinstance(position, OffsetsPosition) else {}
        inside = ((pl.col(PARTITION) == p) & (pl.col(OFFSET) < o) for p, o in limits.items())
        frames.append(
            frame.select(
                pl.lit(history.topic).alias(SOURCE_TOPIC),
                pl.col(PARTITION).cast(pl.Int64).alias(SOURCE_PARTITION),
                pl.col(OFFSET).alias(SOURCE_OFFSET),
                pl.col(KEY).alias(SOURCE_KEY),
                pl.any_horizontal(pl.lit(False), *inside).alias(IN_CUT),
                *columns,
            )
        )
    return pl.concat(frames)


def output_records(
    pinner: Pinner,
    stages: Sequence[StageDeclaration],
    topics: Sequence[StageDeclaration],
    columns: Sequence[str] = (),
) -> polars.DataFrame:
    """Return the records of linked topics: ``STAGE``, ``TOPIC``, place, ``KEY``, ``SOURCE`` as they name it, columns.

    ``topics`` are those that they can have been made of: what does not say its topic was made of the only one.
    """
    import polars as pl

    only = pinner.history(topics[0].name).topic if len(topics) == 1 else None
    frames = []
    for stage in stages:
        links = links_required(stage)
        said = [links.partition, links.offset, *([links.topic] if links.topic else [])]
        wanted = dict.fromkeys((PARTITION, OFFSET, KEY, *said, *columns))
        frame = _rows(pinner, stage, tuple(wanted))
        source = pl.col(links.topic) if links.topic else pl.lit(only, pl.String)
        frames.append(
            frame.select(
                pl.lit(stage.name).alias(STAGE),
                pl.lit(pinner.history(stage.name).topic).alias(TOPIC),
                pl.col(PARTITION).cast(pl.Int64),
                pl.col(OFFSET),
                pl.col(KEY),
                source.alias(SOURCE_TOPIC),
                pl.col(links.partition).cast(pl.Int64).alias(SOURCE_PARTITION),
                pl.col(links.offset).cast(pl.Int64).alias(SOURCE_OFFSET),
                *columns,
            )
        )
    return pl.concat(frames)


def output_place(row: dict[str, Any]) -> RecordPlace:
    """Return the place of an output by its row."""
    return RecordPlace(row[STAGE], row[TOPIC], row[PARTITION], row[OFFSET], key_text(row[KEY]))


def input_place(pinner: Pinner, topics: Sequence[StageDeclaration], row: dict[str, Any]) -> RecordPlace:
    """Return the place of an input by a row that names it."""
    names = {pinner.history(t.name).topic: t.name for t in topics}
    topic = row[SOURCE_TOPIC]
    stage = names.get(topic, topics[0].name)
    return RecordPlace(stage, topic, row[SOURCE_PARTITION], row[SOURCE_OFFSET], key_text(row.get(SOURCE_KEY)))


def key_text(key: bytes | None) -> str | None:
    """Return the key of a record as text.

    >>> key_text(b"0001-ABCDE"), key_text(None)
    ('0001-ABCDE', None)
    """
    return None if key is None else key.decode("utf-8", "replace")


def originals_of(
    pinner: Pinner, topics: Sequence[StageDeclaration], places: Iterable[tuple[str, int, int]]
) -> dict[tuple[str, int, int], Original]:
    """Return records of the input topics as they stand there, by topic, partition and offset."""
    wanted: dict[str, set[tuple[int, int]]] = {}
    for topic, partition, offset in places:
        wanted.setdefault(topic, set()).add((partition, offset))
    found: dict[tuple[str, int, int], Original] = {}
    for stage in topics:
        name, reader = pinner.history(stage.name).topic, pinner.reader(stage)
        if name in wanted and isinstance(reader, ReadsOriginals):
            found |= {(name, *place): record for place, record in reader.originals(wanted[name]).items()}
    return found


def _rows(pinner: Pinner, stage: StageDeclaration, columns: Sequence[str]) -> polars.DataFrame:
    import polars as pl

    frame = pl.from_arrow(pinner.settled(stage).readable().rows(columns))
    assert isinstance(frame, pl.DataFrame)
    return frame
