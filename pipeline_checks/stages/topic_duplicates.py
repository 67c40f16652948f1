"""Events that stand in a topic more than once: replayed by the connector, or told by a snapshot and by the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.model.events import (
    CHANGE_OPERATIONS,
    CREATE,
    DELETE,
    LSN,
    OFFSET,
    OP,
    PARTITION,
    READ,
    SNAPSHOT,
    TRUNCATE,
    TX_ID,
    UPDATE,
)
from pipeline_checks.model.measure import KEY_SAMPLE, DuplicateSample, Grade, Measured
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import polars
    import pyarrow

_COPIES, _CLASS = "__copies", "__class"
_READ_LSN, _READ_AT, _DELETED_AT = "__read_lsn", "__read_at", "__deleted_at"


def duplicates_of(events: pyarrow.Table, topic: str, key: Sequence[str], columns: Sequence[str]) -> Measured:
    """Return the keys with an event that stands in the topic a second time, each with its class and place.

    ``replayed``: an event of the log with the transaction, LSN, operation and key of one before it.
    ``snapshot_overlap``: an event of the log behind a snapshot that had read its outcome already: a row created that
    was read before and not deleted since, or an update older than the reading that leaves all ``columns`` as they were
    read. A row that a later snapshot reads again is no duplicate. The grade is ``bound`` where events of the log lack
    transaction or LSN.
    """
    import polars as pl

    wanted = list(dict.fromkeys((PARTITION, OFFSET, OP, TX_ID, LSN, SNAPSHOT, *key, *columns)))
    frame = pl.from_arrow(events.select(wanted))
    assert isinstance(frame, pl.DataFrame)
    changes = frame.filter(pl.col(OP).is_in(CHANGE_OPERATIONS)).sort(PARTITION, OFFSET)
    truncated = frame.filter(pl.col(OP) == TRUNCATE).get_column(LSN).drop_nulls().to_list()
    streamed = changes.filter(~pl.col(SNAPSHOT))
    found = pl.concat([_replayed(streamed, key), _overlapping(changes, key, columns, truncated)]).sort([*key, OFFSET])
    first = list(found.head(KEY_SAMPLE).iter_rows(named=True))
    sample = DuplicateSample(
        found.height,
        int((found.get_column(_COPIES) - 1).sum() or 0),
        tuple(({k: to_json_value(row[k]) for k in key}, int(row[_COPIES])) for row in first),
        tuple(row[_CLASS] for row in first),
        tuple(OffsetsPosition.of({topic: {row[PARTITION]: row[OFFSET]}}) for row in first),
    )
    told = streamed.get_column(TX_ID).null_count() + streamed.get_column(LSN).null_count() == 0
    return Measured(sample, Grade.EXACT if told else Grade.BOUND)


def _replayed(streamed: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    import polars as pl

    located = streamed.drop_nulls(LSN)
    counted = located.group_by([TX_ID, LSN, OP, *key], maintain_order=True).agg(
        pl.len().alias(_COPIES), pl.col(PARTITION).last(), pl.col(OFFSET).last()
    )
    return _named(counted.filter(pl.col(_COPIES) > 1), key, "replayed")


def _overlapping(
    changes: polars.DataFrame, key: Sequence[str], columns: Sequence[str], truncated: Sequence[int]
) -> polars.DataFrame:
    """Return the events of the log whose outcome a snapshot before them has read; each once, however often replayed."""
    import polars as pl

    keyed = [PARTITION, *key]
    suspects = _suspects(changes, keyed)  # few, mostly none: only of these must each event be looked at
    told = changes.join(suspects, on=keyed, how="semi", nulls_equal=True, maintain_order="left")
    once = told.unique([TX_ID, LSN, OP, SNAPSHOT, *keyed], keep="first", maintain_order=True)
    is_read = (pl.col(OP) == READ) & pl.col(SNAPSHOT)
    placed = once.with_columns(
        pl.when(is_read).then(pl.col(OFFSET)).forward_fill().over(keyed).alias(_READ_AT),
        pl.when(is_read).then(pl.col(LSN)).forward_fill().over(keyed).alias(_READ_LSN),
        pl.when(pl.col(OP) == DELETE).then(pl.col(OFFSET)).forward_fill().over(keyed).alias(_DELETED_AT),
    )
    same = [pl.col(c).eq_missing(pl.col(c).shift(1).over(keyed)) for c in columns if c not in key]
    emptied = [pl.col(_READ_LSN).lt(lsn) & pl.col(LSN).gt(lsn) for lsn in truncated]
    still_read = pl.col(_READ_AT).is_not_null() & (pl.col(_DELETED_AT).fill_null(-1) < pl.col(_READ_AT))
    created = (pl.col(OP) == CREATE) & still_read & ~pl.any_horizontal(pl.lit(False), *emptied)
    updated = (
        (pl.col(OP) == UPDATE)
        & (pl.col(OFFSET).shift(1).over(keyed) == pl.col(_READ_AT))
        & (pl.col(LSN) < pl.col(_READ_LSN))
        & pl.all_horizontal(pl.lit(True), *same)
    )
    overlapping = placed.filter(~pl.col(SNAPSHOT) & (created | updated))
    return _named(overlapping.with_columns(pl.lit(2, pl.UInt32).alias(_COPIES)), key, "snapshot_overlap")


def _suspects(changes: polars.DataFrame, keyed: Sequence[str]) -> polars.DataFrame:
    """The keys that a snapshot has read and the log created, or changed before the newest reading."""
    import polars as pl

    reads = changes.filter(pl.col(SNAPSHOT)).group_by(keyed).agg(pl.col(LSN).max().alias(_READ_LSN))
    streamed = changes.filter(~pl.col(SNAPSHOT)).join(reads, on=list(keyed), nulls_equal=True)
    overlaps = (pl.col(OP) == CREATE) | (pl.col(LSN) < pl.col(_READ_LSN))
    return streamed.filter(overlaps).select(keyed).unique()


def _named(found: polars.DataFrame, key: Sequence[str], class_: str) -> polars.DataFrame:
    import polars as pl

    copies = pl.col(_COPIES).cast(pl.Int64)
    return found.select(*key, PARTITION, OFFSET, copies, pl.lit(class_).alias(_CLASS))
