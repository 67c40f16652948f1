"""A topic set against the ledger of the feed that fills it, entry by entry.

The cut is what the ledger says to have been sent when it was pinned; the topic is pinned later and may hold more, which
the ledger, asked once more, must know. An entry that was never sent need not be in the topic, but may: repaired gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.events import APPEND_TIME, OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.kinds import LEDGER_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    CoverageState,
    DuplicateSample,
    KeyDifference,
    KeyPlace,
    RowDifference,
)
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.feed_pinned import ENTRY, SENT_AT, TIMES_SENT, PinnedFeed
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.history import IN_CUT, TopicHistory
from pipeline_checks.verification.row_comparison import compare_sides
from pipeline_checks.verification.row_forms import Forms, forms_between
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars
    import pyarrow

_COPIES = "__copies"


def ledger_of(pipeline: Pipeline, topic: StageDeclaration) -> StageDeclaration | None:
    """Return the ledger that a topic is filled from; None for a topic that is made from something else."""
    if topic.kind not in TOPIC_KINDS:
        return None
    return next((s for s in pipeline.upstream(topic) if s.kind in LEDGER_KINDS), None)


@dataclass(frozen=True)
class FedTopic:
    """A topic and the ledger, each at its position.

    ``cut`` is the ledger as it was pinned, ``later`` as it was after the topic had been. ``open`` are the keys of the
    cut that are not in the topic and may still be on their way.
    """

    topic: Settled
    feed: StageDeclaration
    history: TopicHistory
    cut: PinnedFeed
    later: PinnedFeed
    forms: Forms
    lost: polars.DataFrame
    unknown: polars.DataFrame
    open: polars.DataFrame

    @property
    def _names(self) -> list[str]:
        return [c.name for c in self.forms.own.key]

    @cached_property
    def _records(self) -> polars.DataFrame:
        """The records about rows: their keys, and where they stand."""
        return _records_of(self.history, self.forms)

    @cached_property
    def _entries(self) -> polars.DataFrame:
        """The entries known later: their keys, and how often they were sent."""
        return _entries_of(self.later.entries(), self.forms)

    def keys(self) -> KeyDifference:
        """Return which entries are missing, and which records are of no entry."""
        names, records = self._names, self._records
        found = records.select(names).unique()
        unexpected = found.join(self._entries, on=names, how="anti", nulls_equal=True)
        owed = self.cut.rows((ENTRY,)).num_rows - self.open.height - self.unknown.height
        return KeyDifference(
            rows=found.height,
            distinct_keys=found.height,
            expected_rows=owed,
            missing_total=self.lost.height,
            unexpected_total=unexpected.height,
            missing=tuple((key, None) for key in _told(self.lost, names)),
            unexpected=tuple(zip(_told(unexpected, names), self._places(unexpected), strict=True)),
            unknown_keys=self.unknown.height,
            against=(self.feed.name,),
        )

    def _places(self, keys: polars.DataFrame) -> list[KeyPlace]:
        names = self._names
        first = keys.sort(names).head(KEY_SAMPLE)
        at = self._records.group_by(names, maintain_order=True).last()
        joined = first.join(at, on=names, how="left", nulls_equal=True, maintain_order="left")
        stage = self.history.declaration.name
        return [
            KeyPlace(event_stage=stage, event=self._position(row[PARTITION], row[OFFSET]))
            for row in joined.iter_rows(named=True)
        ]

    def rows(self) -> RowDifference:
        """Return which records have other values than their entries; every copy of an entry is looked at."""
        own = self.forms.own
        events = _row_events(self.history, own.reads)
        table = events.to_arrow()
        places = own.keyed(events).hstack(events.select(PARTITION, OFFSET))
        found = Side(
            self.history.declaration.name, own, own.hashed(table), lambda: table, None, places, self.history.topic
        )
        entries, reads = self.later.entries(), self.forms.above.reads

        def told() -> pyarrow.Table:
            return entries.select(list(reads))

        expected = Side.read(self.feed.name, self.forms.above, told, self.later.position)
        difference = compare_sides(self.forms, found, expected, [expected])
        return replace(difference, rows=found.hashes.height)

    def duplicates(self) -> DuplicateSample:
        """Return the keys with more records than the exchange has sent; what it sent again is ``explained``."""
        import polars as pl

        names = self._names
        doubled = doubled_records(self._records, names)
        told = doubled.join(self._entries, on=names, how="left", nulls_equal=True, maintain_order="left")
        # Of one that was never sent one record is right: a gap that was repaired.
        sent = pl.col(TIMES_SENT).fill_null(0).clip(lower_bound=1)
        too_many = told.with_columns((pl.col(_COPIES) - sent).clip(lower_bound=0).alias("__surplus"))
        surplus = int(too_many.get_column("__surplus").sum() or 0)
        again = int((doubled.get_column(_COPIES) - 1).sum() or 0) - surplus
        wrong = too_many.filter(pl.col("__surplus") > 0).sort(names)
        return sample_of(
            wrong, names, self.history.topic, surplus, {"exchange_resend": again, "producer_retry": surplus}
        )

    def balance(self) -> dict[str, int]:
        """Return the numbers of the ledger and the topic that must add up; ``missing`` counts copies too."""
        import polars as pl

        names = self._names
        copies = self._records.group_by(names).len(_COPIES)
        both = self._entries.join(copies, on=names, how="left", nulls_equal=True)
        sent, found = pl.col(TIMES_SENT), pl.col(_COPIES).fill_null(0).cast(pl.Int64)
        missing = both.select((sent - found).clip(lower_bound=0).sum()).item()
        repaired = both.filter((sent == 0) & (found > 0)).height
        return {
            "trades": both.filter(sent > 0).height,
            "resends": int(both.select((sent - 1).clip(lower_bound=0).sum()).item() or 0),
            "records": self._records.height,
            "repaired": repaired,
            "missing": int(missing or 0),
        }

    def sent(self) -> polars.DataFrame:
        """Return the keys of the entries that were sent, with the order in which the ledger has them."""
        import polars as pl

        return self._entries.filter(pl.col(TIMES_SENT) > 0)

    def _position(self, partition: int, offset: int) -> OffsetsPosition:
        return OffsetsPosition.of({self.history.topic: {partition: offset}})


class FedTopicWatch:
    """Looks at a topic until everything of the cut is in it, or its deadline has passed."""

    def __init__(self, topic: StageDeclaration, feed: Settled) -> None:
        self._topic, self._feed = topic, feed
        assert isinstance(feed.pinned, PinnedFeed)
        self.cut: PinnedFeed = feed.pinned
        self.forms = forms_between(topic, feed.declaration)

    @cached_property
    def _owed(self) -> polars.DataFrame:
        return _entries_of(self.cut.rows(), self.forms)

    @property
    def owed(self) -> int:
        """How many entries of the cut were sent."""
        return self._owed.height

    def missing(self, history: TopicHistory) -> polars.DataFrame:
        """Return the entries of the cut that are not in the topic, with ``overtaken``: one sent later of the same
        sequence is there, so that it will not come."""
        names = [c.name for c in self.forms.own.key]
        records = _records_of(history, self.forms)
        return self._owed.join(records.select(names).unique(), on=names, how="anti", nulls_equal=True)

    def judged(self, history: TopicHistory, missing: polars.DataFrame, at: datetime) -> _Missing:
        """Return what is to be thought of missing entries at an instant."""
        import polars as pl

        names = [c.name for c in self.forms.own.key]
        records = _records_of(history, self.forms)
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
        unknown = told.clear()
        since = _retained_since(history)
        if since is not None:
            unknown = told.filter(pl.col(SENT_AT) < since)
            told = told.filter(pl.col(SENT_AT) >= since)
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
    read: Any,
    look_again: Any,
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
    last: list[tuple[Any, TopicHistory, polars.DataFrame]] = []
    problems: list[PipelineChecksError] = []

    def look() -> bool:
        try:
            pinned, history = read()
        except TransientError as problem:
            problems[:] = [problem]
            return False
        missing = watch.missing(history)
        last[:] = [(pinned, history, missing)]
        return missing.height == 0

    deadline.wait_until(look)
    if not last:
        raise problems[0] if problems else TransientError(f"{topic.name} did not answer")
    pinned, history, missing = last[0]
    told = watch.judged(history, missing, now())
    coverage = told.coverage(feed.declaration.name, watch.owed, deadline.elapsed)
    settled = Settled(topic, pinned, coverage)
    fed = FedTopic(
        settled, feed.declaration, history, watch.cut, look_again(), watch.forms, told.lost, told.unknown, told.open
    )
    return settled, history, fed


def doubled_records(records: polars.DataFrame, names: Sequence[str]) -> polars.DataFrame:
    """Return the keys with more than one record: how many, and the last place."""
    import polars as pl

    counted = records.group_by(names).agg(
        pl.len().cast(pl.Int64).alias(_COPIES), pl.col(PARTITION).last(), pl.col(OFFSET).last()
    )
    return counted.filter(pl.col(_COPIES) > 1)


def told_again(history: TopicHistory) -> DuplicateSample:
    """Return the keys with records that are equal in every column: a producer wrote them twice.

    Where nothing says how often a fact was told, one that was received twice is known by the time of its receipt.
    """
    import polars as pl

    names = list(history.key)
    doubled = doubled_records(_records(history.frame), names)
    columns = [c for c in history.declaration.contract.columns if c not in names]
    events = _row_events(history, columns).join(doubled.select(names), on=names, how="semi", nulls_equal=True)
    different = (
        events.select(*names, *columns).unique().group_by(names).agg(pl.len().cast(pl.Int64).alias("__different"))
    )
    told = doubled.join(different, on=names, how="left", nulls_equal=True)
    told = told.with_columns((pl.col(_COPIES) - pl.col("__different")).alias("__surplus"))
    surplus = int(told.get_column("__surplus").sum() or 0)
    again = int((doubled.get_column(_COPIES) - 1).sum() or 0) - surplus
    wrong = told.filter(pl.col("__surplus") > 0).sort(names)
    explained = {"received_again": again, "producer_retry": surplus}
    return sample_of(wrong, names, history.topic, surplus, explained)


def sample_of(
    wrong: polars.DataFrame, names: Sequence[str], topic: str, surplus: int, explained: dict[str, int]
) -> DuplicateSample:
    """Return doubled records as a sample, all of the class ``replayed``."""
    first = list(wrong.head(KEY_SAMPLE).iter_rows(named=True))
    return DuplicateSample(
        wrong.height,
        surplus,
        tuple(({k: to_json_value(row[k]) for k in names}, int(row[_COPIES])) for row in first),
        tuple("replayed" for _ in first),
        tuple(OffsetsPosition.of({topic: {row[PARTITION]: row[OFFSET]}}) for row in first),
        explained,
    )


def _row_events(history: TopicHistory, columns: Sequence[str]) -> polars.DataFrame:
    return _records(history.rows(columns))


def _records(events: polars.DataFrame) -> polars.DataFrame:
    """The events about rows that the topic had when it was pinned; a table that is further has more of them read."""
    import polars as pl

    return events.filter(pl.col(OP).is_in(ROW_OPERATIONS) & pl.col(IN_CUT))


def _records_of(history: TopicHistory, forms: Forms) -> polars.DataFrame:
    """The keys of all records about rows in canonical form, and where they stand."""
    events = _records(history.frame)
    return forms.own.keyed(events).hstack(events.select(PARTITION, OFFSET))


def _entries_of(entries: pyarrow.Table, forms: Forms) -> polars.DataFrame:
    """The keys of entries in the form of the topic's, and what the ledger says of each."""
    import polars as pl

    form = forms.above
    hashed = form.hashed(entries.select(list(form.reads)))
    beside = pl.from_arrow(entries.select([ENTRY, SENT_AT, TIMES_SENT]))
    assert isinstance(beside, pl.DataFrame)
    return hashed.select([c.name for c in form.key]).hstack(beside)


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


def _told(keys: polars.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    first = keys.sort(list(names)).head(KEY_SAMPLE)
    return [{k: to_json_value(v) for k, v in row.items()} for row in first.select(list(names)).iter_rows(named=True)]
