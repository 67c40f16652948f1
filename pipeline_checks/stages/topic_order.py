"""The order of the change events of a topic: of each key by LSN, of transactions by their commit; of tombstones.

Only events of the log are looked at: what a snapshot has read bears the snapshot's own LSN. A replay is not out of
order: of events with the same transaction, LSN, operation and key, the first decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import (
    CHANGE_OPERATIONS,
    COMMIT_TIME,
    LSN,
    OFFSET,
    OP,
    PARTITION,
    ROW_OPERATIONS,
    SNAPSHOT,
    TOMBSTONE,
    TX_ID,
)
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import polars
    import pyarrow

COMMIT_SECONDS = 1.0
"""A transaction notes its time just before its commit record is written: concurrent ones may stand the other way."""

_BEFORE, _BEFORE_OFFSET = "__before", "__before_offset"


def order_of(events: pyarrow.Table, key: Sequence[str]) -> dict[str, Any]:
    """Return the events that stand behind one they should stand before.

    ``events`` (how many were looked at), ``without_lsn`` (how many tell no LSN or transaction), ``snapshot_events``
    (how many a snapshot has read), and of each kind of disorder the number (``keys_total``, ...) and a list of events:

    - ``keys``: its LSN is less than that of an event of the same key before it;
    - ``transactions``: the first of a part of a transaction that stands behind another's events;
    - ``commits``: the first of a transaction that was committed more than ``COMMIT_SECONDS`` before one it stands
      behind;
    - ``tombstones``: a tombstone that no delete of its key stands before: where the topic is compacted it takes a row
      away that lives.

    Each has ``key``, ``partition``, ``offset``, ``lsn``, ``tx_id``; ``before_offset`` and, of keys, ``before_lsn`` are
    those of the event it stands behind.
    """
    import polars as pl

    frame = pl.from_arrow(events.select([PARTITION, OFFSET, OP, TX_ID, LSN, SNAPSHOT, COMMIT_TIME, *key]))
    assert isinstance(frame, pl.DataFrame)
    streamed = frame.filter(pl.col(OP).is_in(CHANGE_OPERATIONS) & ~pl.col(SNAPSHOT))
    located = streamed.drop_nulls([LSN, TX_ID]).sort(PARTITION, OFFSET)
    first, falling, torn = located, _falling_keys(located, key), _torn(located)
    if falling.height or torn.height:  # that can be for replays among them; mostly there is neither
        first = located.unique([TX_ID, LSN, OP, *key], keep="first", maintain_order=True)
        falling, torn = _falling_keys(first, key), _torn(first)
    disorder = {
        "keys": _of_keys(first, falling, key),
        "transactions": torn,
        "commits": _commits(first),
        "tombstones": _tombstones(frame, key),
    }
    result: dict[str, Any] = {
        "events": located.height,
        "without_lsn": streamed.height - located.height,
        "snapshot_events": frame.filter(pl.col(SNAPSHOT)).height,
    }
    for name, found in disorder.items():
        result[f"{name}_total"] = found.height
        result[name] = [_told(row, key) for row in found.head(KEY_SAMPLE).iter_rows(named=True)]
    return result


def _falling_keys(events: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """The keys of which an event has a lesser LSN than the one just before it."""
    import polars as pl

    keyed = [PARTITION, *key]
    ordered = events.select(*keyed, OFFSET, LSN).sort(*keyed, OFFSET)
    same_key = pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in keyed)
    return ordered.filter(same_key & (pl.col(LSN) < pl.col(LSN).shift(1))).select(keyed).unique()


def _of_keys(first: polars.DataFrame, falling: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Events of the ``falling`` keys whose LSN is less than that of one of the same key before them."""
    import polars as pl

    keyed = [PARTITION, *key]
    events = first.join(falling, on=keyed, how="semi", nulls_equal=True, maintain_order="left")
    highest = events.with_columns(pl.col(LSN).cum_max().over(keyed).alias(_BEFORE))
    at = pl.when(pl.col(LSN) == pl.col(_BEFORE)).then(pl.col(OFFSET)).cum_max().over(keyed)
    wrong = highest.with_columns(at.forward_fill().over(keyed).alias(_BEFORE_OFFSET))
    return wrong.filter(pl.col(LSN) < pl.col(_BEFORE))


def _torn(first: polars.DataFrame) -> polars.DataFrame:
    """The first event of each further part of a transaction, whose events stand together in a partition."""
    import polars as pl

    # In order of partition and offset, a part begins where another transaction or partition stood before.
    begins = pl.struct(PARTITION, TX_ID).rle_id().is_first_distinct()
    earlier = pl.when(pl.col(PARTITION) == pl.col(PARTITION).shift(1)).then(pl.col(OFFSET).shift(1))
    parts = first.filter(begins).with_columns(earlier.alias(_BEFORE_OFFSET), pl.lit(None, pl.Int64).alias(_BEFORE))
    return parts.filter(~pl.struct(PARTITION, TX_ID).is_first_distinct())


def _commits(first: polars.DataFrame) -> polars.DataFrame:
    """The first event of each transaction that was committed well before one that it stands behind."""
    import polars as pl

    begun = first.unique([PARTITION, TX_ID], keep="first", maintain_order=True).drop_nulls([COMMIT_TIME])
    latest = begun.with_columns(pl.col(COMMIT_TIME).cum_max().over(PARTITION).alias("__latest"))
    at = pl.when(pl.col(COMMIT_TIME) == pl.col("__latest")).then(pl.col(OFFSET)).forward_fill().over(PARTITION)
    late = latest.with_columns(at.alias(_BEFORE_OFFSET), pl.lit(None, pl.Int64).alias(_BEFORE))
    return late.filter(pl.col("__latest") - pl.col(COMMIT_TIME) > pl.duration(seconds=COMMIT_SECONDS))


def _tombstones(events: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """The tombstones of keys whose event before them leaves a row; of one without an event before nothing is known."""
    import polars as pl

    keyed = [PARTITION, *key]
    about = events.filter(pl.col(OP).is_in([*CHANGE_OPERATIONS, TOMBSTONE])).sort(*keyed, OFFSET)
    same_key = pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in keyed)
    earlier = about.with_columns(pl.col(OFFSET).shift(1).alias(_BEFORE_OFFSET), pl.lit(None, pl.Int64).alias(_BEFORE))
    living = same_key & pl.col(OP).shift(1).is_in(list(ROW_OPERATIONS))
    return earlier.filter((pl.col(OP) == TOMBSTONE) & living).sort(PARTITION, OFFSET)


def _told(row: dict[str, Any], key: Sequence[str]) -> dict[str, Any]:
    return {
        "key": {k: to_json_value(row[k]) for k in key},
        "partition": row[PARTITION],
        "offset": row[OFFSET],
        "lsn": row[LSN],
        "tx_id": row[TX_ID],
        "before_offset": row[_BEFORE_OFFSET],
        "before_lsn": row[_BEFORE],
    }
