"""The cut: a set of source transactions, exactly known, that a comparison is made for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline_checks.model.position import format_lsn

_32_BITS = 0xFFFFFFFF


@dataclass(frozen=True)
class TransactionSnapshot:
    """A Postgres snapshot (``pg_current_snapshot()``): which transactions it sees, by 64-bit id.

    A transaction is visible when it ended before the snapshot was taken: its id is below ``xmin``, or below
    ``xmax`` and not among those in progress (``xip``).
    Source: PostgreSQL documentation, "Transaction ID and Snapshot Information Functions".
    """

    xmin: int
    xmax: int
    in_progress: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> TransactionSnapshot:
        """Return the snapshot written ``xmin:xmax:xip,...``.

        >>> TransactionSnapshot.parse("10:20:12,15").sees(12)
        False
        """
        xmin, xmax, xip = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(int(x) for x in xip.split(",") if x))

    def widen(self, xid: int) -> int:
        """Return the 64-bit id of a transaction of which only the low 32 bits are known.

        The log carries 32-bit ids. All ids that matter lie within 2**31 of ``xmax``, so the epoch is the one
        that brings the id nearest to it.
        """
        full = (self.xmax & ~_32_BITS) | (xid & _32_BITS)
        if full - self.xmax > 2**31:
            full -= 2**32
        elif self.xmax - full > 2**31:
            full += 2**32
        return full

    def sees(self, xid: int) -> bool:
        """Whether the transaction with this id (32 or 64 bits) is visible in the snapshot."""
        full = xid if xid > _32_BITS else self.widen(xid)
        return full < self.xmin or (full < self.xmax and full not in self.in_progress)

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(str(x) for x in sorted(self.in_progress))}"


@dataclass(frozen=True)
class Cut:
    """The transactions of one Postgres source that a comparison is made for.

    ``lsn`` is the place of a mark written after the snapshot was taken: every transaction of the cut lies before it.
    """

    snapshot: TransactionSnapshot
    lsn: int
    taken_at: datetime

    def contains(self, xid: int) -> bool:
        """Whether the transaction belongs to the cut."""
        return self.snapshot.sees(xid)

    def to_json(self) -> dict[str, Any]:
        """Return the cut as the report shows it."""
        return {
            "kind": "postgres_snapshot",
            "lsn": format_lsn(self.lsn),
            "snapshot": str(self.snapshot),
            "taken_at": self.taken_at.isoformat(),
        }
