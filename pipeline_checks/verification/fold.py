"""Folding the events of each key, in their order, to whether the key exists.

The fold is the oracle of what a later stage must hold at its own position. One key's events lie in one partition
in commit order, so the last one below a position decides. A truncate has no key and lies in one partition only; it is
placed among the others by its LSN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.model.events import CHANGE_OPERATIONS, LSN, OFFSET, OP, PARTITION, ROW_OPERATIONS, TRUNCATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars

PRESENT = "__present"
"""bool: the key exists after the fold"""


def fold_presence(events: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Return one row a key: the key columns, the coordinates of the deciding event, and ``PRESENT``.

    ``events`` has the columns of ``model.events`` and the key columns, in any order.
    """
    return fold_rows(events, key).select(*key, PARTITION, OFFSET, LSN, PRESENT)


def fold_rows(events: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Return the deciding event of each key, with all its columns and ``PRESENT``."""
    import polars

    truncated_at = events.filter(polars.col(OP) == TRUNCATE).get_column(LSN).max()
    changes = events.filter(polars.col(OP).is_in(CHANGE_OPERATIONS))
    last = changes.sort(PARTITION, OFFSET).group_by(list(key), maintain_order=True).last()
    present = polars.col(OP).is_in(ROW_OPERATIONS)
    if truncated_at is not None:
        present = present & (polars.col(LSN) > polars.lit(truncated_at))
    return last.with_columns(present.alias(PRESENT))
