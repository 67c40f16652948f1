"""Records of a topic of facts and entries of a ledger, by their keys in one form; facts that are told twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.measure import KEY_SAMPLE, DuplicateSample
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages.feed_pinned import ENTRY, SENT_AT, TIMES_SENT
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.history import IN_CUT, TopicHistory
from pipeline_checks.verification.row_forms import Forms

if TYPE_CHECKING:
    import polars
    import pyarrow

COPIES = "__copies"
"""int64: how many records a key has"""


def row_events(history: TopicHistory, columns: Sequence[str]) -> polars.DataFrame:
    return of_rows(history.rows(columns))


def of_rows(events: polars.DataFrame) -> polars.DataFrame:
    """The events about rows that the topic had when it was pinned; a table that is further has more of them read."""
    import polars as pl

    return events.filter(pl.col(OP).is_in(ROW_OPERATIONS) & pl.col(IN_CUT))


def keyed_records(history: TopicHistory, forms: Forms) -> polars.DataFrame:
    """The keys of all records about rows in canonical form, and where they stand."""
    events = of_rows(history.frame)
    return forms.own.keyed(events).hstack(events.select(PARTITION, OFFSET))


def keyed_entries(entries: pyarrow.Table, forms: Forms) -> polars.DataFrame:
    """The keys and hashes of entries in the form of the topic's, and what the ledger says of each."""
    import polars as pl

    form = forms.above
    hashed = form.hashed(entries.select(list(form.reads)))
    beside = pl.from_arrow(entries.select([ENTRY, SENT_AT, TIMES_SENT]))
    assert isinstance(beside, pl.DataFrame)
    return hashed.hstack(beside)


def doubled_records(records: polars.DataFrame, names: Sequence[str]) -> polars.DataFrame:
    """Return the keys with more than one record: how many, and the last place."""
    import polars as pl

    counted = records.group_by(names).agg(
        pl.len().cast(pl.Int64).alias(COPIES), pl.col(PARTITION).last(), pl.col(OFFSET).last()
    )
    return counted.filter(pl.col(COPIES) > 1)


def told_again(history: TopicHistory) -> DuplicateSample:
    """Return the keys with records that are equal in every column: a producer wrote them twice.

    Where nothing says how often a fact was told, one that was received twice is known by the time of its receipt.
    """
    import polars as pl

    names = list(history.key)
    doubled = doubled_records(of_rows(history.frame), names)
    columns = [c for c in history.declaration.contract.columns if c not in names]
    events = row_events(history, columns).join(doubled.select(names), on=names, how="semi", nulls_equal=True)
    different = (
        events.select(*names, *columns).unique().group_by(names).agg(pl.len().cast(pl.Int64).alias("__different"))
    )
    told = doubled.join(different, on=names, how="left", nulls_equal=True)
    told = told.with_columns((pl.col(COPIES) - pl.col("__different")).alias("__surplus"))
    surplus = int(told.get_column("__surplus").sum() or 0)
    again = int((doubled.get_column(COPIES) - 1).sum() or 0) - surplus
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
        tuple(({k: to_json_value(row[k]) for k in names}, int(row[COPIES])) for row in first),
        tuple("replayed" for _ in first),
        tuple(OffsetsPosition.of({topic: {row[PARTITION]: row[OFFSET]}}) for row in first),
        explained,
    )
