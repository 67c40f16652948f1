"""The events of each transaction of the cut, counted in the topics and set against what the connector told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.cut import Cut
from pipeline_checks.model.events import LSN, OFFSET, OP, PARTITION, SNAPSHOT, TX_ID
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.transactions import TornTransaction, TransactionDifference
from pipeline_checks.verification.history import IN_CUT, TopicHistory

if TYPE_CHECKING:
    import polars

_STAGE, _TABLE, _SEEN, _LAST_LSN, _FIRST = "stage", "table", "seen", "last_lsn", "first"
_END = {"tx_id": "Int64", "commit_lsn": "Int64", "table": "String", "events": "Int64", "partition": "Int64"}


def compare_transactions(
    ends: Mapping[str, Any], topics: Sequence[tuple[TopicHistory, str]], cut: Cut | None
) -> TransactionDifference:
    """Return which transactions have another number of events in a topic than their END says.

    Parameters
    ----------
    ends:
        What ``stages.transaction_topic`` tells.
    topics:
        The captured topics, each with the name of its table (``schema.table``) as the connector writes it.

    Replays are counted once; what a snapshot has read belongs to no transaction. Of a transaction whose events may have
    expired in a topic nothing is said there, nor of one from before the first END that is retained.
    """
    import polars as pl

    told = _ends(ends, cut)
    first_end = told.get_column("commit_lsn").min() if told.height else None
    torn: list[TornTransaction] = []
    total = events = unknown = 0
    seen_ids: set[int] = set()
    for history, table in topics:
        seen = _seen(history)
        events += int(seen.get_column(_SEEN).sum())
        seen_ids.update(seen.get_column(TX_ID).to_list())
        owed = told.filter(pl.col("table") == table).rename({"tx_id": TX_ID})
        both = owed.join(seen, on=TX_ID, how="full", coalesce=True, maintain_order="left_right")
        wrong = both.filter(pl.col("events").fill_null(0) != pl.col(_SEEN).fill_null(0))
        # Its END was written before metadata were provided, or has expired.
        before_all = pl.lit(True) if first_end is None else pl.col(_LAST_LSN) < first_end
        early = pl.col("events").is_null() & before_all
        lost = pl.col("commit_lsn") <= _whole_after(history, told)
        doubtful = wrong.filter(early.fill_null(False) | lost.fill_null(False))
        unknown += doubtful.height
        wrong = wrong.join(doubtful.select(TX_ID), on=TX_ID, how="anti")
        total += wrong.height
        for row in wrong.sort(TX_ID).head(KEY_SAMPLE - len(torn)).iter_rows(named=True):
            torn.append(_torn(row, history, table, str(ends["topic"])))
    return TransactionDifference(
        transactions=len(seen_ids | set(told.get_column("tx_id").to_list())),
        events=events,
        torn_total=total,
        torn=tuple(torn),
        unknown=unknown,
        malformed=int(ends["malformed"]),
        against=tuple(history.declaration.name for history, _ in topics),
    )


def _ends(ends: Mapping[str, Any], cut: Cut | None) -> polars.DataFrame:
    """The ENDs of the cut, the last one of each transaction: a connector that is started again may tell it again."""
    import polars as pl

    schema = {**{name: getattr(pl, type_) for name, type_ in _END.items()}, "offset": pl.Int64}
    frame = pl.DataFrame({name: ends[name] for name in schema}, schema=schema)
    ids = frame.get_column("tx_id").unique().to_list()
    inside = pl.Series("tx_id", [i for i in ids if cut is None or cut.contains(i)], dtype=pl.Int64)
    kept = frame.filter(pl.col("tx_id").is_in(inside.implode())).sort("partition", "offset", maintain_order=True)
    return kept.unique(["tx_id", "table"], keep="last", maintain_order=True)


def _seen(history: TopicHistory) -> polars.DataFrame:
    """How many events each transaction of the cut has in the topic, their last LSN, the place of the first."""
    import polars as pl

    streamed = history.values().filter(pl.col(IN_CUT) & ~pl.col(SNAPSHOT)).sort(PARTITION, OFFSET)
    once = streamed.unique([TX_ID, LSN, OP, *history.key], keep="first", maintain_order=True)
    return once.group_by(TX_ID, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias(_SEEN),
        pl.col(LSN).max().alias(_LAST_LSN),
        pl.struct(PARTITION, OFFSET).first().alias(_FIRST),
    )


def _whole_after(history: TopicHistory, told: polars.DataFrame) -> int:
    """The commit behind which no transaction can have lost events to retention; -1 where nothing has expired."""
    import polars as pl

    expired = [partition for partition, offset in history.begin.items() if offset > 0]
    if not expired:
        return -1
    first = history.frame.filter(pl.col(PARTITION).is_in(expired)).drop_nulls([TX_ID]).sort(PARTITION, OFFSET)
    boundary = first.unique(PARTITION, keep="first").get_column(TX_ID)
    known = told.filter(pl.col("tx_id").is_in(boundary.cast(pl.Int64).implode())).get_column("commit_lsn").max()
    emptied = set(expired) - set(first.get_column(PARTITION).to_list())
    last = told.get_column("commit_lsn").max()
    found = last if emptied else known
    return int(found) if isinstance(found, int) else -1


def _torn(row: Mapping[str, Any], history: TopicHistory, table: str, topic: str) -> TornTransaction:
    place = None if row["offset"] is None else OffsetsPosition.of({topic: {row["partition"]: row["offset"]}})
    first = row[_FIRST]
    if place is None and first is not None:
        place = OffsetsPosition.of({history.topic: {first[PARTITION]: first[OFFSET]}})
    return TornTransaction(
        tx_id=int(row[TX_ID]),
        table=table,
        stage=history.declaration.name,
        expected=row["events"],
        seen=int(row[_SEEN] or 0),
        position=place,
    )
