"""Settling a consumer group: waiting until it has committed past everything of the cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.events import APPEND_TIME, OFFSET, PARTITION
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration, StageReader
from pipeline_checks.verification.history import IN_CUT, TopicHistory
from pipeline_checks.verification.settle import poll
from pipeline_checks.verification.settled import Settled, unreachable


def settle_group(
    declaration: StageDeclaration, reader: StageReader, histories: Sequence[TopicHistory], deadline: Deadline
) -> Settled:
    """Wait until the group has committed past the last record of the cut in each partition, and pin it there.

    A group in transactions commits with its outputs: then everything of the cut is in its topics, or dropped.
    """
    import polars as pl

    wanted = required(histories)
    reached, failure = poll(reader, deadline, lambda r: bool(r.position.covers(wanted)))
    if reached is None:
        return unreachable(declaration, failure, deadline.elapsed)
    events = sum(h.frame.filter(pl.col(IN_CUT)).height for h in histories)
    covers = reached.position if isinstance(reached.position, OffsetsPosition) else OffsetsPosition.of({})
    pinned = reader.at(covers)
    if covers.covers(wanted):
        return Settled(declaration, pinned, CoverageState(True, 0.0, events, deadline.elapsed), covers)
    open_, oldest = 0, []
    for history in histories:
        mine = history.frame.filter(pl.col(IN_CUT))
        mine = mine.join(history.below(mine, covers).select(PARTITION, OFFSET), on=[PARTITION, OFFSET], how="anti")
        open_ += mine.height
        oldest += [t for t in [mine.get_column(APPEND_TIME).min()] if isinstance(t, datetime)]
    lag = max(0.0, (now() - min(oldest)).total_seconds()) if oldest else None
    reason = f"{open_:,} of {events:,} records of the cut are not committed"
    return Settled(declaration, pinned, CoverageState(False, lag, events, deadline.elapsed, reason), covers)


def required(histories: Sequence[TopicHistory]) -> OffsetsPosition:
    """Return the next offsets at which all records of the cut have been committed."""
    import polars as pl

    merged = {h.topic: h.required(h.frame.filter(pl.col(IN_CUT))).partitions(h.topic) for h in histories}
    return OffsetsPosition.of(merged)
