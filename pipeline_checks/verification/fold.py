"""Folding the events of each key, in their order, to whether the key exists.

The fold is the oracle of what a later stage must hold at its own position. One key's events lie in one partition
in commit order, so the last one below a position decides. A truncate has no key and lies in one partition only; it is
placed among the others by its LSN. A record that was written again later is no later state of its row: it is told by
transaction id, LSN, operation and key, and only its first place counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.model.events import (
    CHANGE_OPERATIONS,
    LSN,
    OFFSET,
    OP,
    PARTITION,
    ROW_OPERATIONS,
    TRUNCATE,
    TX_ID,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars

PRESENT = "__present"
"""bool: the key exists after the fold"""


def fold_presence(events: polars.DataFrame, key: Sequence[str], *, first_wins: bool = False) -> polars.DataFrame:
    """Return one row a key: the key columns, the coordinates of the deciding event, and ``PRESENT``.

    ``events`` has the columns of ``model.events`` and the key columns, in any order.
    """
    return fold_rows(events, key, first_wins=first_wins).select(*key, PARTITION, OFFSET, LSN, PRESENT)


def fold_rows(events: polars.DataFrame, key: Sequence[str], *, first_wins: bool = False) -> polars.DataFrame:
    """Return the deciding event of each key, with all its columns and ``PRESENT``.

    With ``first_wins`` that is the first one: what comes later under the same key is the same fact told again.
    """
    import polars

    truncated_at = events.filter(polars.col(OP) == TRUNCATE).get_column(LSN).max()
    changes = events.filter(polars.col(OP).is_in(CHANGE_OPERATIONS))
    changes = _without_replays(changes.sort(PARTITION, OFFSET), key)
    grouped = changes.group_by(list(key), maintain_order=True)
    last = grouped.first() if first_wins else grouped.last()
    present = polars.col(OP).is_in(ROW_OPERATIONS)
    if truncated_at is not None:
        present = present & (polars.col(LSN) > polars.lit(truncated_at))
    return last.with_columns(present.alias(PRESENT))


def first_told(key: Sequence[str]) -> polars.Expr:
    """Return what holds for an event that is not the replay of one before it, as far as events can be told apart."""
    import polars

    coordinates = [TX_ID, LSN, OP, *key]
    return polars.struct(coordinates).is_first_distinct() | polars.col(TX_ID).is_null() | polars.col(LSN).is_null()


def _without_replays(changes: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Leave out replays behind a later event. Where no LSN of a partition falls there are none, which is seen fast."""
    import polars

    falls = polars.col(LSN).diff().lt(0) & polars.col(PARTITION).diff().eq(0)
    return changes.filter(first_told(key)) if changes.select(falls.any()).item() else changes
