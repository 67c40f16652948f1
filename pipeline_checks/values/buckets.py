"""Buckets: how many rows lie in each stretch of an integer key, and their hashes folded into one number a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ROWS_OF_A_BUCKET = 1024
"""About how many rows a bucket is made for."""


@dataclass(frozen=True)
class BucketPlan:
    """Which bucket a key lies in: ``(key >> shift) - least``, of ``count`` buckets."""

    shift: int
    least: int
    count: int

    @classmethod
    def of(cls, least_key: int, greatest_key: int, rows: int) -> BucketPlan:
        """Return a plan for so many rows with keys in a range, both ends inclusive.

        >>> BucketPlan.of(1, 10_000_000, 10_000_000)
        BucketPlan(shift=9, least=0, count=19532)
        """
        wanted = max(1, (greatest_key - least_key + 1) * ROWS_OF_A_BUCKET // max(rows, 1))
        shift = max(0, wanted.bit_length() - 2)
        least = least_key >> shift
        return cls(shift, least, (greatest_key >> shift) - least + 1)


@dataclass(frozen=True)
class Buckets:
    """The rows of one side.

    ``counts`` has the number of rows of each bucket, ``folded`` the exclusive or of their hashes. Rows in any order
    give the same; a row twice shows in the count. ``suspect`` are buckets in which something is wrong already.
    """

    plan: BucketPlan
    counts: npt.NDArray[np.int64]
    folded: npt.NDArray[np.uint64]
    suspect: npt.NDArray[np.bool_] | None = None

    def equal(self, other: Buckets) -> npt.NDArray[np.bool_]:
        """Return for each bucket whether both sides hold the same rows in it."""
        import numpy as np

        same: npt.NDArray[np.bool_] = (self.counts == other.counts) & (self.folded == other.folded)
        for side in (self, other):
            if side.suspect is not None:
                same = np.logical_and(same, ~side.suspect)
        return same


def stretches(wanted: npt.NDArray[np.bool_], plan: BucketPlan) -> list[tuple[int, int]]:
    """Return the ranges of keys, both ends inclusive, of the buckets marked; adjacent ones are one range.

    >>> import numpy
    >>> stretches(numpy.array([True, True, False, True]), BucketPlan(shift=2, least=0, count=4))
    [(0, 7), (12, 15)]
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    first, behind = ((edges[side::2].astype(np.int64) + plan.least) << plan.shift for side in (0, 1))
    return list(zip(first.tolist(), (behind - 1).tolist(), strict=True))
