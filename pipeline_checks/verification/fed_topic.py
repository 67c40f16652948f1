"""A topic set against the ledger of the feed that fills it, entry by entry.

The cut is what the ledger says to have been sent when it was pinned; the topic is pinned later and may hold more, which
the ledger, asked once more, must know. An entry that was never sent need not be in the topic, but may: repaired gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.row_hashes import HASH
from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.kinds import LEDGER_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import KEY_SAMPLE, DuplicateSample, KeyDifference, KeyPlace, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.feed_pinned import ENTRY, TIMES_SENT, PinnedFeed
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.fed_records import (
    COPIES,
    doubled_records,
    keyed_entries,
    keyed_records,
    row_events,
    sample_of,
)
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.row_comparison import compare_sides
from pipeline_checks.verification.row_forms import Forms
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars
    import pyarrow


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
    known: polars.DataFrame | None = None
    """The entries of ``later`` by their keys, where they are known already."""

    @property
    def _names(self) -> list[str]:
        return [c.name for c in self.forms.own.key]

    @cached_property
    def _records(self) -> polars.DataFrame:
        """The records about rows: their keys, and where they stand."""
        return keyed_records(self.history, self.forms)

    @cached_property
    def _entries(self) -> polars.DataFrame:
        """The entries known later: their keys and hashes, and how often they were sent."""
        return self.known if self.known is not None else keyed_entries(self.later.entries(), self.forms)

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
        events = row_events(self.history, own.reads)
        table = events.to_arrow()
        places = own.keyed(events).hstack(events.select(PARTITION, OFFSET))
        found = Side(
            self.history.declaration.name, own, own.hashed(table), lambda: table, None, places, self.history.topic
        )
        entries, reads = self.later.entries(), self.forms.above.reads

        def told() -> pyarrow.Table:
            return entries.select(list(reads))

        hashes = self._entries.select([*self._names, HASH])
        expected = Side(self.feed.name, self.forms.above, hashes, told, self.later.position)
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
        too_many = told.with_columns((pl.col(COPIES) - sent).clip(lower_bound=0).alias("__surplus"))
        surplus = int(too_many.get_column("__surplus").sum() or 0)
        again = int((doubled.get_column(COPIES) - 1).sum() or 0) - surplus
        wrong = too_many.filter(pl.col("__surplus") > 0).sort(names)
        return sample_of(
            wrong, names, self.history.topic, surplus, {"exchange_resend": again, "producer_retry": surplus}
        )

    def balance(self) -> dict[str, int]:
        """Return the numbers of the ledger and the topic that must add up; ``missing`` counts copies too."""
        import polars as pl

        names = self._names
        copies = self._records.group_by(names).len(COPIES)
        both = self._entries.join(copies, on=names, how="left", nulls_equal=True)
        sent, found = pl.col(TIMES_SENT), pl.col(COPIES).fill_null(0).cast(pl.Int64)
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


def _told(keys: polars.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    first = keys.sort(list(names)).head(KEY_SAMPLE)
    return [{k: to_json_value(v) for k, v in row.items()} for row in first.select(list(names)).iter_rows(named=True)]
