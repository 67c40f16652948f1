"""The sequence of each symbol's trades: which id came, which were left out, kept across restarts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import orjson

Event = Literal["OK", "GAP", "DUPLICATE", "OUT_OF_ORDER", "RESET"]
LARGE: Final = 10
"""More ids missing than this make a gap critical."""
_HOUR: Final = 3600 * 1_000_000
_KEPT: Final = 1000
"""Gaps of a symbol that are remembered."""


@dataclass
class Gap:
    """Ids ``first`` to ``last`` that did not come; ``missing`` are those of them that are still wanted."""

    symbol: str
    first: int
    last: int
    missing: list[int]
    repaired: int = 0

    @property
    def severity(self) -> str:
        """``critical`` above ten missing ids, else ``warning``."""
        return "critical" if self.last - self.first + 1 > LARGE else "warning"


@dataclass
class _Symbol:
    last: int = 0
    at: int = 0
    gaps: list[Gap] = field(default_factory=list)


class SequenceTracker:
    """Says of each trade whether it is the one that was to come.

    The first trade of a symbol starts its sequence. An id at or below the last one is a DUPLICATE, unless it fills a
    gap: then it is OUT_OF_ORDER. Below half of the last id and more than an hour later it is a RESET.
    """

    def __init__(self, state: Mapping[str, tuple[int, int]] | None = None) -> None:
        self._symbols = {s: _Symbol(last, at) for s, (last, at) in (state or {}).items()}
        self.events: dict[Event, int] = dict.fromkeys(("OK", "GAP", "DUPLICATE", "OUT_OF_ORDER", "RESET"), 0)

    @property
    def gaps(self) -> list[Gap]:
        """The gaps that were seen, those that have been filled included."""
        return [g for s in self._symbols.values() for g in s.gaps]

    def last(self, symbol: str) -> int | None:
        """Return the highest id of a symbol that came, None before the first."""
        return self._symbols[symbol].last if symbol in self._symbols else None

    def see(self, symbol: str, trade: int, at: int) -> tuple[Event, Gap | None]:
        """Take the id of a trade made at ``at``, in microseconds; returns what it is, and the gap that it shows."""
        event, gap = self._event(symbol, trade, at)
        self.events[event] += 1
        return event, gap

    def _event(self, symbol: str, trade: int, at: int) -> tuple[Event, Gap | None]:
        known = self._symbols.get(symbol)
        if known is None:
            self._symbols[symbol] = _Symbol(trade, at)
            return "OK", None
        if trade > known.last:
            gap = None
            if trade > known.last + 1:
                first, last = known.last + 1, trade - 1
                gap = Gap(symbol, first, last, list(range(first, min(last, first + 100_000) + 1)))
                known.gaps = [*known.gaps[-_KEPT:], gap]
            known.last, known.at = trade, at
            return ("GAP", gap) if gap else ("OK", None)
        if trade * 2 < known.last and at > known.at + _HOUR:
            known.last, known.at = trade, at
            return "RESET", None
        for gap in reversed(known.gaps):
            if gap.first <= trade <= gap.last and trade in gap.missing:
                gap.missing.remove(trade)
                return "OUT_OF_ORDER", gap
        return "DUPLICATE", None

    def document(self) -> dict[str, Any]:
        """Return events and gaps as JSON values."""
        return {
            "events": dict(self.events),
            "last": {s: known.last for s, known in self._symbols.items()},
            "gaps": [{**asdict(g), "severity": g.severity} for g in self.gaps],
        }


class SequenceFile:
    """The last acknowledged id of each symbol, in a file that is replaced in one step."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._acknowledged: dict[str, tuple[int, int]] = {}
        self._written: dict[str, tuple[int, int]] = {}

    def load(self) -> dict[str, tuple[int, int]]:
        """Return last id and time of each symbol; nothing when there is no file."""
        if self._path is not None and self._path.exists():
            found = orjson.loads(self._path.read_bytes())
            self._acknowledged = {s: (int(last), int(at)) for s, (last, at) in found.items()}
        return dict(self._acknowledged)

    def acknowledged(self, symbol: str, trade: int, at: int) -> None:
        """Note that a trade has been taken by Kafka."""
        if trade > self._acknowledged.get(symbol, (0, 0))[0]:
            self._acknowledged[symbol] = (trade, at)

    def save(self) -> None:
        """Write what was noted, unless it stands there already."""
        state = dict(self._acknowledged)
        if self._path is None or state == self._written:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        temporary.write_bytes(orjson.dumps(state))
        temporary.replace(self._path)
        self._written = state
