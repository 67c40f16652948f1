"""Waiting until a topic holds what the ledger of its feed says to have been sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.events import APPEND_TIME, PARTITION
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stages.feed_pinned import ENTRY, SENT_AT, TIMES_SENT, PinnedFeed
from pipeline_checks.verification.fed_records import keyed_entries, keyed_records
from pipeline_checks.verification.fed_topic import FedTopic
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.row_forms import forms_between
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars


class FedTopicWatch:
    """Looks at a topic until everything of the cut is in it, or its deadline has passed."""

    def __init__(self, topic: StageDeclaration, feed: Settled) -> None:
        self._topic, self._feed = topic, feed
        assert isinstance(feed.pinned, PinnedFeed)
        self.cut: PinnedFeed = feed.pinned
        self.forms = forms_between(topic, feed.declaration)

    @cached_property
    def entries(self) -> polars.DataFrame:
        """The entries of the cut, those that were never sent too."""
        return keyed_entries(self.cut.entries(), self.forms)

    @cached_property
    def _owed(self) -> polars.DataFrame:
        import polars as pl

        return self.entries.filter(pl.col(TIMES_SENT) > 0)

    @property
    def owed(self) -> int:
        """How many entries of the cut were sent."""
        return self._owed.height

    def missing(self, history: TopicHistory) -> polars.DataFrame:
        """Return the entries of the cut that are not in the topic, with ``overtaken``: one sent later of the same
        sequence is there, so that it will not come."""
        names = [c.name for c in self.forms.own.key]
        records = keyed_records(history, self.forms)
        return self._owed.join(records.select(names).unique(), on=names, how="anti", nulls_equal=True)

    def judged(self, history: TopicHistory, missing: polars.DataFrame, at: datetime) -> _Missing:
        """Return what is to be thought of missing entries at an instant."""
        import polars as pl

        names = [c.name for c in self.forms.own.key]
        records = keyed_records(history, self.forms)
        group = names[:-1]
        arrived = self._owed.join(records.select(names).unique(), on=names, how="semi", nulls_equal=True)
        newest = (
            arrived.group_by(group).agg(pl.col(ENTRY).max().alias("__newest"))
            if group
            else arrived.select(pl.col(ENTRY).max().alias("__newest"))
        )
        if group:
            told = missing.join(newest, on=group, how="left", nulls_equal=True)
        else:
            told = missing.join(newest, how="cross")
        overtaken = (pl.col("__newest") > pl.col(ENTRY)).fill_null(False)
        told = told.with_columns(overtaken.alias("__overtaken"))
        told, unknown = _split_by_retention(history, told)
        limit = at - timedelta(seconds=self._topic.lag_limit)
        is_late = pl.col(SENT_AT) < limit
        lost = told.filter(pl.col("__overtaken") | is_late)
        pending = told.filter(~pl.col("__overtaken"))
        oldest = pending.get_column(SENT_AT).min()
        lag = (at - oldest).total_seconds() if isinstance(oldest, datetime) else None
        still_open = pending.filter(~is_late)
        return _Missing(lost.select(names), unknown.select(names), still_open.select(names), pending.height, lag)


@dataclass(frozen=True)
class _Missing:
    lost: polars.DataFrame
    unknown: polars.DataFrame
    open: polars.DataFrame
    pending: int
    lag: float | None

    def coverage(self, feed: str, owed: int, waited: float) -> CoverageState:
        """Return how far the topic is: what may still come keeps it from covering the cut."""
        if not self.pending:
            return CoverageState(True, 0.0, owed, waited)
        reason = f"{self.pending:,} of {owed:,} entries that {feed} has sent are not there"
        return CoverageState(False, self.lag, owed, waited, reason)


def settle_fed_topic(
    topic: StageDeclaration,
    feed: Settled,
    read: Callable[[], tuple[PinnedStage, TopicHistory]],
    look_again: Callable[[], PinnedStage],
    deadline: Deadline,
) -> tuple[Settled, TopicHistory, FedTopic]:
    """Wait until a topic holds what the ledger says to have been sent, and pin both.

    Parameters
    ----------
    read:
        Returns the pinned topic and its history as they are now.
    look_again:
        Returns the ledger as it is now.

    Raises
    ------
    TransientError, TerminalError
        When the topic or the ledger cannot be read.
    """
    watch = FedTopicWatch(topic, feed)
    last: list[tuple[PinnedStage, TopicHistory, polars.DataFrame]] = []
    problems: list[PipelineChecksError] = []

    def look() -> bool:
        try:
            pinned, history = read()
        except TransientError as problem:
            problems[:] = [problem]
            return False
        missing = watch.missing(history)
        last[:] = [(pinned, history, missing)]
        return _split_by_retention(history, missing)[0].height == 0

    deadline.wait_until(look)
    if not last:
        raise problems[0] if problems else TransientError(f"{topic.name} did not answer")
    pinned, history, missing = last[0]
    told = watch.judged(history, missing, now())
    later = look_again()
    assert isinstance(later, PinnedFeed)
    coverage = told.coverage(feed.declaration.name, watch.owed, deadline.elapsed)
    settled = Settled(topic, pinned, coverage)
    known = watch.entries if later is watch.cut else None
    fed = FedTopic(
        settled, feed.declaration, history, watch.cut, later, watch.forms, told.lost, told.unknown, told.open, known
    )
    return settled, history, fed


def _split_by_retention(history: TopicHistory, missing: polars.DataFrame) -> tuple[polars.DataFrame, polars.DataFrame]:
    """Return the missing entries whose records must be there, and those whose records may have expired."""
    import polars as pl

    since = _retained_since(history)
    if since is None:
        return missing, missing.clear()
    return missing.filter(pl.col(SENT_AT) >= since), missing.filter(pl.col(SENT_AT) < since)


def _retained_since(history: TopicHistory) -> datetime | None:
    """Return the instant before which records may have expired; None where the topic has lost none."""
    import polars as pl

    if history.is_whole:
        return None
    latest: list[datetime] = []
    for partition, begin in history.begin.items():
        if begin:
            kept = history.frame.filter(pl.col(PARTITION) == partition).get_column(APPEND_TIME).min()
            latest.append(kept if isinstance(kept, datetime) else now())
    return max(latest, default=None)
