"""Whether a table covers the cut: which offsets it must have passed, and since when it owes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline_checks.model.events import COMMIT_TIME, OFFSET, PARTITION
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.verification.history import IN_CUT, TopicHistory

if TYPE_CHECKING:
    import polars


def owed_events(history: TopicHistory, row_meaning: str) -> polars.DataFrame:
    """Return the events that a table must have passed: those of the cut, or for dead letters the malformed records."""
    import polars

    if row_meaning == "dead_letters":
        return history.malformed()
    return history.values().filter(polars.col(IN_CUT))


def required_offsets(histories: Sequence[TopicHistory], row_meaning: str) -> OffsetsPosition:
    """Return the next offsets at which a table covers the cut."""
    merged: dict[str, dict[int, int]] = {}
    for history in histories:
        merged[history.topic] = history.required(owed_events(history, row_meaning)).partitions(history.topic)
    return OffsetsPosition.of(merged)


def judge_coverage(
    histories: Sequence[TopicHistory],
    row_meaning: str,
    covers: OffsetsPosition | None,
    says_covers: bool,
    now: datetime,
    waited: float,
) -> CoverageState:
    """Return how far a table is, given the offsets its newest commit says it covers.

    ``says_covers`` is False for a table that is declared to say nothing about what it covers.
    """

    owed = [(h, owed_events(h, row_meaning)) for h in histories]
    events = sum(frame.height for _, frame in owed)
    if covers is None and not says_covers:
        return CoverageState(None, None, events, waited, "the table does not say what it covers")
    covered = covers or OffsetsPosition.of({})
    coordinates = [PARTITION, OFFSET]
    late = [frame.join(h.below(frame, covered).select(coordinates), on=coordinates, how="anti") for h, frame in owed]
    count = sum(frame.height for frame in late)
    if count == 0:
        return CoverageState(True, 0.0, events, waited)
    oldest = min((t for frame in late for t in [frame.get_column(COMMIT_TIME).min()] if t is not None), default=None)
    lag = max(0.0, (now - oldest).total_seconds()) if isinstance(oldest, datetime) else None
    noun = "malformed records" if row_meaning == "dead_letters" else "events of the cut"
    said = "no commit says what it covers" if covers is None else f"{count} of {events} {noun} are not covered"
    return CoverageState(False, lag, events, waited, said)
