"""What must become of each line of a file: written beside it, and derived from how it was made, not from the flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Fate:
    """Where a line ends that is not in silver.

    Parameters
    ----------
    fate:
        ``rejected``, or ``duplicate`` of the row ``of``.
    column:
        What shows it, by its name in messages.
    """

    fate: str
    reason: str
    column: str
    value: str | None = None
    of: int | None = None


@dataclass
class Truth:
    """The truth of one file; rows are numbered from 1, and those without a fate are in silver."""

    seed: int
    fates: dict[int, Fate] = field(default_factory=dict)
    nulls: dict[int, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    def sound(self, rows: int) -> set[int]:
        """Return the numbers up to ``rows`` that have no fate yet."""
        return set(range(1, rows + 1)) - set(self.fates)

    def close(self, rows: Sequence[Mapping[str, str | None]]) -> None:
        """Count and sum the rows that are in silver."""
        fates = Counter(f.fate for f in self.fates.values())
        total, daily = _Sum(), dict[tuple[str, str], _Sum]()
        for number, row in enumerate(rows, 1):
            if number not in self.fates:
                day = datetime.strptime(str(row["Order Date"]), "%m/%d/%Y").date().isoformat()
                for one in (total, daily.setdefault((day, str(row["Category"]).upper()), _Sum())):
                    one.add(row)
        self.document = {
            "seed": self.seed,
            "counts": {
                "lines": len(rows),
                "silver": len(rows) - len(self.fates),
                "rejected": fates["rejected"],
                "duplicate": fates["duplicate"],
                "nulls": len(self.nulls),
            },
            "reasons": dict(sorted(Counter(f.reason for f in self.fates.values()).items())),
            "null_columns": dict(sorted(Counter(self.nulls.values()).items())),
            "records": [_fate(n, f) for n, f in sorted(self.fates.items())],
            "nulls": [{"row": n, "column": c} for n, c in sorted(self.nulls.items())],
            "sums": total.to_json(),
            "daily": [{"day": d, "category": c, **s.to_json()} for (d, c), s in sorted(daily.items())],
        }


@dataclass
class _Sum:
    rows: int = 0
    quantity: int = 0
    sales: Decimal = Decimal(0)
    profit: Decimal = Decimal(0)

    def add(self, row: Mapping[str, str | None]) -> None:
        self.rows += 1
        self.quantity += int(row["Quantity"] or 0)
        self.sales += Decimal(row["Sales"] or 0)
        self.profit += Decimal(row["Profit"] or 0)

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "quantity": self.quantity, "sales": str(self.sales), "profit": str(self.profit)}


def _fate(number: int, fate: Fate) -> dict[str, Any]:
    told = {"row": number, "fate": fate.fate, "reason": fate.reason, "column": fate.column}
    if fate.fate == "rejected":
        return {**told, "value": fate.value}
    return {**told, "of": fate.of}
