"""Conservation: of every input record of the cut exactly one output, among all topics that its consumers write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.conservation import ConservationDifference, PartitionLag, RecordPlace
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.measure import KEY_SAMPLE, KeyRange
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks.verification.linked import (
    SOURCE,
    SOURCE_KEY,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    STAGE,
    input_place,
    input_records,
    inputs_of,
    key_text,
    output_place,
    output_records,
    outputs_of,
)
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

LEAST_RECORDS_OF_A_RANGE = 20
"""From how many records on, all lost behind each other, one finding tells them all."""
_OUTPUTS, _LOST, _RUN, _KNOWN, _FLOOR = "__outputs", "__lost", "__run", "__known", "__floor"
_BEGIN, _PINNED, _END, _WHY = "__begin", "__pinned", "__end", "__why"


def conservation(pipeline: Pipeline, pinner: Pinner, group: StageDeclaration) -> ConservationDifference:
    """Set the records that a group has made against those that it was given before the cut.

    Raises ConfigurationError when nothing that it writes, or nothing that it reads, is declared.
    """
    import polars as pl

    topics, stages = inputs_of(pipeline, group), outputs_of(pipeline, group)
    if not topics or not stages:
        what = "read from" if not topics else "written to"
        raise ConfigurationError(
            f"no topic is declared that {group.name} has {what}.",
            next_step=f"Name what it reads in its `from`, and {group.name} in `from` of topics with `links`.",
        )
    for stage in (*topics, *stages):
        pinner.settled(stage).readable()
    given = input_records(pinner, topics).with_columns(pl.lit(True).alias(_KNOWN))
    made = output_records(pinner, stages, topics)
    joined = made.join(given.select(*SOURCE, SOURCE_KEY, IN_CUT, _KNOWN), on=SOURCE, how="left")
    of_cut = joined.filter(pl.col(IN_CUT).fill_null(False))
    strays, unexpected, unknown, later = _strays(pinner, topics, joined)
    counts = of_cut.group_by(SOURCE).agg(pl.len().alias(_OUTPUTS))
    inputs = given.filter(pl.col(IN_CUT))
    lost = inputs.join(counts, on=SOURCE, how="anti")
    told, expired = _told(pinner, stages, lost, of_cut)
    ranges, single = _ranges(pinner, topics, inputs, told)
    repeated = counts.filter(pl.col(_OUTPUTS) > 1).sort(SOURCE)
    per_stage = dict(of_cut.group_by(STAGE).agg(pl.len()).iter_rows())
    return ConservationDifference(
        inputs=inputs.height,
        outputs={stage.name: per_stage.get(stage.name, 0) for stage in stages},
        missing_total=told.height,
        missing=tuple(input_place(pinner, topics, r) for r in single.head(KEY_SAMPLE).iter_rows(named=True)),
        ranges=tuple(ranges),
        repeated_total=repeated.height,
        repeated=_repeated(pinner, topics, of_cut, repeated.head(KEY_SAMPLE)),
        unexpected_total=unexpected,
        unexpected=tuple(strays),
        unknown=expired + unknown,
        later=later,
    )


def group_lag(pipeline: Pipeline, pinner: Pinner, group: Settled) -> tuple[PartitionLag, ...]:
    """Return how far a group is behind, in each partition of what it reads, at the cut."""
    committed = group.position if isinstance(group.position, OffsetsPosition) else OffsetsPosition.of({})
    found: list[PartitionLag] = []
    for topic in inputs_of(pipeline, group.declaration):
        position = pinner.settled(topic).readable().position
        history = pinner.history(topic.name)
        assert isinstance(position, OffsetsPosition)
        done = committed.partitions(history.topic)
        newest = pinner.reader(topic).reached().position
        ends = newest.partitions(history.topic) if isinstance(newest, OffsetsPosition) else {}
        for partition, end in position.partitions(history.topic).items():
            open_ = _behind(history.frame, partition, done.get(partition, 0), end)
            begin = history.begin.get(partition, 0)
            found.append(
                PartitionLag(history.topic, partition, begin, end, done.get(partition), open_, ends.get(partition))
            )
    return tuple(found)


def _behind(frame: polars.DataFrame, partition: int, committed: int, end: int) -> int:
    import polars as pl

    offset = pl.col(OFFSET)
    return frame.filter((pl.col(PARTITION) == partition) & (offset >= committed) & (offset < end)).height


def _strays(
    pinner: Pinner, topics: Sequence[StageDeclaration], joined: polars.DataFrame
) -> tuple[list[tuple[RecordPlace, str]], int, int, int]:
    """Return some outputs that name no input that ever was, how many do, how many name one that has expired, and how
    many one behind the cut."""
    import polars as pl

    lost = joined.filter(pl.col(_KNOWN).is_null())
    later = joined.filter(~pl.col(IN_CUT)).height
    if not lost.height:
        return [], 0, 0, later
    bounds = pl.DataFrame(
        [bound for topic in topics for bound in _bounds(pinner, topic)],
        schema={**{c: lost.schema[c] for c in SOURCE[:2]}, _BEGIN: pl.Int64, _PINNED: pl.Int64, _END: pl.Int64},
        orient="row",
    )
    offset = pl.col(SOURCE_OFFSET)
    placed = lost.join(bounds, on=SOURCE[:2], how="left").with_columns(
        pl.when(pl.any_horizontal(pl.col(c).is_null() for c in SOURCE))
        .then(pl.lit(_UNSAID))
        .when(pl.col(_END).is_null() | (offset < 0) | (offset >= pl.col(_END)))
        .then(pl.lit(_NOWHERE))
        .when(offset < pl.col(_BEGIN))
        .then(pl.lit(_EXPIRED))
        .when(offset >= pl.col(_PINNED))
        .then(pl.lit(_LATER))
        .otherwise(pl.lit(_NO_RECORD))
        .alias(_WHY)
    )
    strays = placed.filter(pl.col(_WHY).is_in(list(_SENTENCES))).sort(STAGE, PARTITION, OFFSET)
    counts = dict(placed.group_by(_WHY).agg(pl.len()).iter_rows())
    told = [(output_place(row), _sentence(row)) for row in strays.head(KEY_SAMPLE).iter_rows(named=True)]
    return told, strays.height, counts.get(_EXPIRED, 0), later + counts.get(_LATER, 0)


_UNSAID, _NOWHERE, _NO_RECORD, _EXPIRED, _LATER = "unsaid", "nowhere", "no_record", "expired", "later"
_SENTENCES = {
    _UNSAID: "it does not say what it was made of",
    _NOWHERE: "there is no {place}",
    _NO_RECORD: "at {place} is no record",
}
"""Why an output is of nothing."""


def _sentence(row: Mapping[str, Any]) -> str:
    place = f"{row[SOURCE_TOPIC]} partition {row[SOURCE_PARTITION]} offset {row[SOURCE_OFFSET]}"
    return _SENTENCES[row[_WHY]].format(place=place)


def _bounds(pinner: Pinner, topic: StageDeclaration) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield for each partition the first offset retained, where it was pinned, and where it ends now.

    Asked after the outputs were pinned: their inputs are all there.
    """
    name, begin = pinner.history(topic.name).topic, pinner.history(topic.name).begin
    pinned, now = pinner.settled(topic).position, pinner.reader(topic).reached().position
    if isinstance(pinned, OffsetsPosition) and isinstance(now, OffsetsPosition):
        for partition, end in now.partitions(name).items():
            yield name, partition, begin.get(partition, 0), pinned.next_offset(name, partition), end


def _told(
    pinner: Pinner, stages: Sequence[StageDeclaration], lost: polars.DataFrame, made: polars.DataFrame
) -> tuple[polars.DataFrame, int]:
    """Return the inputs that certainly have no output, and the number of those whose output may have expired.

    Outputs follow their inputs: what has expired of a topic was made of inputs before those of what is left of it.
    """
    import polars as pl

    told = lost
    for stage in stages:
        for partition, begin in pinner.history(stage.name).begin.items():
            if not begin:
                continue
            left = made.filter((pl.col(STAGE) == stage.name) & (pl.col(PARTITION) == partition))
            first = left.group_by(SOURCE[:2]).agg(pl.col(SOURCE_OFFSET).min().alias(_FLOOR))
            told = (
                told.join(first, on=SOURCE[:2], how="left").filter(pl.col(SOURCE_OFFSET) >= pl.col(_FLOOR)).drop(_FLOOR)
            )
    return told.sort(SOURCE), lost.height - told.height


def _ranges(
    pinner: Pinner, topics: Sequence[StageDeclaration], inputs: polars.DataFrame, lost: polars.DataFrame
) -> tuple[list[KeyRange], polars.DataFrame]:
    """Return stretches of which all records are lost, and the lost ones outside of them."""
    import polars as pl

    if lost.height < LEAST_RECORDS_OF_A_RANGE:
        return [], lost
    marked = (
        inputs.join(lost.select(SOURCE).with_columns(pl.lit(True).alias(_LOST)), on=SOURCE, how="left")
        .with_columns(pl.col(_LOST).fill_null(False))
        .sort(SOURCE)
        .with_columns(pl.struct(SOURCE_TOPIC, SOURCE_PARTITION, _LOST).rle_id().alias(_RUN))
        .filter(pl.col(_LOST))
    )
    runs = marked.group_by(_RUN, maintain_order=True).agg(pl.len().alias(_OUTPUTS))
    long = runs.filter(pl.col(_OUTPUTS) >= LEAST_RECORDS_OF_A_RANGE).select(_RUN)
    told = marked.join(long, on=_RUN, how="semi", maintain_order="left")
    ranges = [_range(pinner, topics, run) for run in told.partition_by(_RUN, maintain_order=True)]
    return ranges, lost.join(told, on=SOURCE, how="anti", maintain_order="left")


def _range(pinner: Pinner, topics: Sequence[StageDeclaration], run: polars.DataFrame) -> KeyRange:
    first = input_place(pinner, topics, run.row(0, named=True))
    sample = run.head(KEY_SAMPLE).iter_rows(named=True)
    return KeyRange(
        stage=first.stage,
        topic=first.topic,
        partition=first.partition,
        first=first.offset,
        last=run.item(-1, SOURCE_OFFSET),
        keys=run.height,
        sample=tuple({"offset": row[SOURCE_OFFSET], "key": key_text(row[SOURCE_KEY])} for row in sample),
    )


def _repeated(
    pinner: Pinner, topics: Sequence[StageDeclaration], made: polars.DataFrame, repeated: polars.DataFrame
) -> tuple[tuple[RecordPlace, tuple[RecordPlace, ...]], ...]:
    if not repeated.height:
        return ()
    found: dict[tuple[Any, ...], tuple[RecordPlace, list[RecordPlace]]] = {}
    rows = made.join(repeated, on=SOURCE, how="semi").sort(*SOURCE, STAGE, PARTITION, OFFSET)
    for row in rows.iter_rows(named=True):
        known = found.setdefault(tuple(row[c] for c in SOURCE), (input_place(pinner, topics, row), []))
        known[1].append(output_place(row))
    return tuple((source, tuple(places)) for source, places in found.values())
