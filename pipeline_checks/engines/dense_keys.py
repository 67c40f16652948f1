"""Whether integer keys that lie densely are unique: one flag a possible key, no hashing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow

SPARSEST = 8
"""Possible keys per row, between the least and the greatest key, above which keys do not count as dense."""
MOST_ROWS = 32_000_000
"""Rows above which the keys are not held in memory at once (8 bytes a row, and up to ``SPARSEST`` flags)."""


def surplus_of_dense_keys(parts: Sequence[npt.NDArray[Any]]) -> int | None:
    """Return how many rows are beyond the first of their key; None when the keys are not dense integers.

    Every sighting of a key sets its flag; rows less flags set are the surplus. Linear in rows and range.
    """
    import numpy as np

    filled = [p for p in parts if len(p)]
    rows = sum(len(p) for p in filled)
    if not filled:
        return 0
    if rows > MOST_ROWS or any(p.dtype.kind != "i" for p in filled):
        return None
    least, greatest = min(int(p.min()) for p in filled), max(int(p.max()) for p in filled)
    if greatest - least > SPARSEST * rows + 1024:
        return None
    seen = np.zeros(greatest - least + 1, dtype=np.bool_)
    for part in filled:
        seen[part.astype(np.int64, copy=False) - least] = True
    return rows - int(np.count_nonzero(seen))


def surplus_in_column(column: pyarrow.ChunkedArray) -> int | None:
    """Return ``surplus_of_dense_keys`` of an Arrow column; None when it has NULL or is not of integers."""
    import pyarrow

    if column.null_count or not pyarrow.types.is_integer(column.type):
        return None
    return surplus_of_dense_keys([chunk.to_numpy() for chunk in column.chunks])
