"""A topic that is filled from files: each row of them is in it, once, with its values.

Nothing tells how far the program has got that fills it. A row that is not there may be on its way, as long as the files
or the newest record are younger than the ``lag_limit`` of the topic.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import APPEND_TIME, OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.kinds import ORIGIN_KINDS, TOPIC_KINDS
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import CoverageState, KeyDifference, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import PinnedStage, StageDeclaration, StageReader
from pipeline_checks.verification import keys
from pipeline_checks.verification.history import IN_CUT, TopicHistory
from pipeline_checks.verification.row_comparison import compare_sides
from pipeline_checks.verification.row_forms import forms_between
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars


def origin_of(pipeline: Pipeline, topic: StageDeclaration) -> StageDeclaration | None:
    """Return the files that a topic is filled from; None for a topic that is made from something else."""
    if topic.kind not in TOPIC_KINDS or is_linked(topic):
        return None
    return next((s for s in pipeline.upstream(topic) if s.kind in ORIGIN_KINDS), None)


def await_rows(
    topic: StageDeclaration, reader: StageReader, files: Settled, modified: datetime, deadline: Deadline
) -> CoverageState:
    """Wait until all rows of the files are in the topic, or have had the time for it; tell how far it is."""
    import polars as pl

    key = list(topic.contract.key)
    wanted = _frame(files.readable(), key).unique()
    newest: list[datetime] = [modified]
    open_: list[int] = [wanted.height]

    def look() -> bool:
        try:
            pinned = reader.at(reader.reached().position)
            rows = _frame(pinned, [*key, OP, APPEND_TIME]).filter(pl.col(OP).is_in(ROW_OPERATIONS))
        except TransientError:
            return False
        there = rows.select(key).unique().cast(dict(wanted.schema))  # type: ignore[arg-type]
        open_[:] = [wanted.join(there, on=key, how="anti", nulls_equal=True).height]
        last = rows.get_column(APPEND_TIME).max()
        newest[:] = [max(modified, last) if isinstance(last, datetime) else modified]
        return not open_[0] or (now() - newest[0]).total_seconds() >= topic.lag_limit

    deadline.wait_until(look)
    idle = (now() - newest[0]).total_seconds()
    if not open_[0] or idle >= topic.lag_limit:
        return CoverageState(True, 0.0, wanted.height, deadline.elapsed)
    reason = f"{open_[0]:,} of {wanted.height:,} rows of {files.declaration.name} are not there yet"
    return CoverageState(False, (now() - modified).total_seconds(), wanted.height, deadline.elapsed, reason)


def loaded_keys(history: TopicHistory, files: Settled) -> KeyDifference:
    """Return which rows of the files are missing from the topic, and which of its records are of none."""
    import polars as pl

    topic = history.declaration
    key = list(topic.contract.key)
    found = _records(history).select(key)
    wanted = _frame(files.readable(), key).cast(dict(found.schema)).unique()  # type: ignore[arg-type]
    unknown = wanted.clear()
    if not history.is_whole:
        absent = wanted.join(found, on=key, how="anti", nulls_equal=True)
        floor = _retained_from(history, key[-1])
        unknown = absent if floor is None else absent.filter(pl.col(key[-1]) < floor)
    return keys.compare(found, keys.ExpectedKeys(wanted, unknown, (files.declaration.name,)), key)


def loaded_rows(history: TopicHistory, topic: Settled, files: Settled) -> RowDifference:
    """Return which records have other values than their rows."""
    import polars as pl

    stage = topic.declaration
    forms = forms_between(stage, files.declaration)
    events = history.rows(forms.own.reads).filter(pl.col(IN_CUT) & pl.col(OP).is_in(ROW_OPERATIONS))
    table = events.to_arrow()
    places = forms.own.keyed(events).hstack(events.select(PARTITION, OFFSET))
    found = Side(stage.name, forms.own, forms.own.hashed(table), lambda: table, topic.position, places, history.topic)
    expected = Side.of(files.declaration.name, files.readable(), forms.above)
    difference = compare_sides(forms, found, expected, [expected])
    skipped = {name: why for name, why in forms.skipped.items() if name not in stage.ignore}
    return replace(difference, skipped=skipped)


def _retained_from(history: TopicHistory, row: str) -> int | None:
    """Return the row from which on records are there, whatever partition they are in; None where that is not known.

    Records follow the rows: what has expired of a partition is of rows before those that are left in it.
    """
    import polars as pl

    floors = []
    for partition, begin in history.begin.items():
        if begin:
            least = _records(history).filter(pl.col(PARTITION) == partition).get_column(row).min()
            floors.append(least if isinstance(least, int) else None)
    known = [floor for floor in floors if floor is not None]
    return max(known, default=0) if len(known) == len(floors) else None


def _records(history: TopicHistory) -> polars.DataFrame:
    import polars as pl

    return history.frame.filter(pl.col(OP).is_in(ROW_OPERATIONS) & pl.col(IN_CUT))


def _frame(pinned: PinnedStage, columns: list[str]) -> polars.DataFrame:
    import polars as pl

    frame = pl.from_arrow(pinned.rows(columns))
    assert isinstance(frame, pl.DataFrame)
    return frame
