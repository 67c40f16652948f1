"""Which trades the table holds: per exchange, symbol and day the ids, as runs of ids that follow each other."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

DAY: Final = 86_400 * 1_000_000
_DAYS: Final = 8
"""Days that are kept in memory."""


class Runs:
    """A set of numbers as runs; ids that follow each other cost nothing."""

    def __init__(self, numbers: npt.NDArray[np.int64] | None = None) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # inclusive
        if numbers is not None and len(numbers):
            ordered = np.unique(numbers)
            breaks = np.flatnonzero(np.diff(ordered) > 1)
            self._starts = ordered[np.concatenate([[0], breaks + 1])].tolist()
            self._ends = ordered[np.concatenate([breaks, [len(ordered) - 1]])].tolist()

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number <= self._ends[at]

    def __len__(self) -> int:
        return sum(e - s + 1 for s, e in zip(self._starts, self._ends, strict=True))

    def add(self, number: int) -> bool:
        """Add a number; False when it was there."""
        starts, ends = self._starts, self._ends
        if ends and number == ends[-1] + 1:
            ends[-1] = number
            return True
        at = bisect_right(starts, number) - 1
        if at >= 0 and number <= ends[at]:
            return False
        joins_before = at >= 0 and ends[at] == number - 1
        joins_behind = at + 1 < len(starts) and starts[at + 1] == number + 1
        if joins_before and joins_behind:
            ends[at] = ends[at + 1]
            del starts[at + 1], ends[at + 1]
        elif joins_before:
            ends[at] = number
        elif joins_behind:
            starts[at + 1] = number
        else:
            starts.insert(at + 1, number)
            ends.insert(at + 1, number)
        return True

    @property
    def last(self) -> int | None:
        """The largest number."""
        return self._ends[-1] if self._ends else None


Identity = tuple[str, str]
"""Exchange and symbol."""


class Seen:
    """The identities in the table, of the days that are asked for.

    Parameters
    ----------
    read:
        Returns exchange, symbol and source_sequence of the table's rows of a day, given as days since 1970.
    """

    def __init__(self, read: Callable[[int], pa.Table]) -> None:
        self._read = read
        self._days: OrderedDict[int, dict[Identity, Runs]] = OrderedDict()

    def forget(self) -> None:
        """Forget everything: the table has been written by somebody else, or a batch was not committed."""
        self._days.clear()

    def take(self, exchange: str, symbol: str, number: int, at: int) -> bool:
        """Take a trade made at ``at``, in microseconds; False when the table or the batch has it."""
        return self._runs(at // DAY).setdefault((exchange, symbol), Runs()).add(number)

    def last(self, exchange: str, symbol: str, at: int) -> int | None:
        """Return the largest id of a symbol on the day of ``at``."""
        runs = self._runs(at // DAY).get((exchange, symbol))
        return None if runs is None else runs.last

    def _runs(self, day: int) -> dict[Identity, Runs]:
        known = self._days.get(day)
        if known is not None:
            return known
        known = self._days[day] = dict(_by_identity(self._read(day)))
        while len(self._days) > _DAYS:
            self._days.popitem(last=False)
        return known


def _by_identity(rows: pa.Table) -> Iterable[tuple[Identity, Runs]]:
    if rows.num_rows == 0:
        return
    grouped = rows.group_by(["exchange", "symbol"]).aggregate([("source_sequence", "list")])
    columns: list[Any] = [grouped.column(n) for n in ("exchange", "symbol", "source_sequence_list")]
    for exchange, symbol, numbers in zip(columns[0].to_pylist(), columns[1].to_pylist(), columns[2], strict=True):
        present = numbers.values.drop_null()
        yield (exchange, symbol), Runs(present.to_numpy(zero_copy_only=False))
