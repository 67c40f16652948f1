"""The number of rows of stages that have no key, by the events of their topic and the rows of their source.

An event adds a row or takes one away, so the rows at a position are those of the source at the cut, and what lies
between the cut and the position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline_checks.model.events import CREATE, DELETE, LSN, OFFSET, OP, PARTITION, READ, TRUNCATE
from pipeline_checks.model.keyless import NumberDifference
from pipeline_checks.model.kinds import SERVED_KINDS, TOPIC_KINDS
from pipeline_checks.model.loading import LoadedTable, LoadFacts
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import IN_CUT, TopicHistory
from pipeline_checks.verification.loading import is_loaded_table, load_facts
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

Count = Callable[[StageDeclaration], int]


def number_difference(pipeline: Pipeline, pinner: Pinner, settled: Settled, count: Count) -> NumberDifference:
    """Return how many rows a stage has and must have; ``count`` gives the rows of a stage that tells them exactly."""
    stage = settled.declaration
    if stage.kind in SERVED_KINDS:
        table = pipeline.upstream(stage)[0]
        return NumberDifference(count(stage), count(table), (table.name,))
    if is_loaded_table(stage):
        return _of_loads(load_facts(pipeline, pinner, settled), stage)
    source = pinner.source_of(stage)
    if stage.kind in TOPIC_KINDS:
        return _of_topic(stage, pinner.history(stage.name), source, count)
    topics = pinner.topics_of(stage)
    if len(topics) != 1 or settled.covers is None:
        return NumberDifference(count(stage), None, reason=f"{stage.name} does not say which events it holds")
    history, covers = pinner.history(topics[0].name), settled.covers
    if stage.row_meaning == "changes":
        kept = history.below(history.values(), covers).height
        whole = history.is_whole or "the topic no longer has all events"
        return _number(count(stage), kept, (topics[0].name,), whole)
    told = rows_told(history, covers)
    if source is None or pinner.settled(topics[0]).coverage.covers_cut is not True:
        return _number(count(stage), told, (topics[0].name,), told is not None or "the topic no longer has all events")
    between = rows_between(history, covers)
    if between is None:
        return _number(count(stage), told, (topics[0].name,), told is not None or "a truncate lies behind the cut")
    expected = count(source) + between
    found = count(stage)
    astray = topics[0].name if told is not None and told != expected and found == told else None
    return NumberDifference(found, expected, (source.name, topics[0].name), astray)


def _of_loads(facts: LoadFacts, stage: StageDeclaration) -> NumberDifference:
    """The rows that are not of other ingestions, against the records of the files that were loaded into the table."""
    table = facts.table or LoadedTable(None)
    unknown = [file.path for file in facts.in_table() if file.records is None]
    expected = sum(file.records or 0 for file in facts.in_table())
    if unknown:
        return NumberDifference(table.rows, None, reason=f"how many records {unknown[0]} has is not told")
    return NumberDifference(table.rows - table.other_rows, expected, stage.from_[-1:])


def _number(found: int, expected: int | None, against: tuple[str, ...], known: bool | str) -> NumberDifference:
    if known is True:
        return NumberDifference(found, expected, against)
    return NumberDifference(found, None, against, reason=str(known))


def _of_topic(
    topic: StageDeclaration, history: TopicHistory, source: StageDeclaration | None, count: Count
) -> NumberDifference:
    import polars as pl

    told = _balance(history.values().filter(pl.col(IN_CUT))) if history.is_whole else None
    if source is None or told is None:
        reason = "the topic no longer has all events" if source is not None else f"{topic.name} has no source"
        return NumberDifference(told or 0, None, reason=reason)
    return NumberDifference(told, count(source), (source.name,))


def rows_told(history: TopicHistory, covers: OffsetsPosition) -> int | None:
    """Return the rows that the events below a position leave; None where the topic no longer has all of them."""
    return _balance(history.below(history.values(), covers)) if history.is_whole else None


def rows_between(history: TopicHistory, covers: OffsetsPosition) -> int | None:
    """Return the rows that the events between the cut and a position add; None when one of them is a truncate."""
    import polars as pl

    events = history.values()
    applied = history.below(events, covers)
    ahead = applied.filter(~pl.col(IN_CUT))
    inside = events.filter(pl.col(IN_CUT))
    place = [PARTITION, OFFSET]
    behind = inside.join(applied.select(place), on=place, how="anti")
    if pl.concat([ahead, behind]).filter(pl.col(OP) == TRUNCATE).height:
        return None
    return _balance(ahead) - _balance(behind)


def _balance(events: polars.DataFrame) -> int:
    """The rows added less those taken away, since the last truncate."""
    import polars as pl

    truncated = events.filter(pl.col(OP) == TRUNCATE).get_column(LSN).max()
    since = events if truncated is None else events.filter(pl.col(LSN) > truncated)
    return since.filter(pl.col(OP).is_in([CREATE, READ])).height - since.filter(pl.col(OP) == DELETE).height
