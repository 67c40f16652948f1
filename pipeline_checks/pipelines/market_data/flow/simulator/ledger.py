"""What the exchange made and sent: the truth that every later stage is held against."""

from __future__ import annotations

import base64
import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pipeline_checks.pipelines.market_data.flow.simulator.trades import Trade

if TYPE_CHECKING:
    from hashlib import _Hash

_NEVER = -1
_UNITS = 100_000_000


@dataclass
class _Sums:
    count: int = 0
    first_id: int = 0
    last_id: int = 0
    price: int = 0
    quantity: int = 0
    digest: _Hash = field(default_factory=hashlib.sha256)


@dataclass(frozen=True)
class BadFrame:
    """A frame that is no valid trade; ``sent_at`` in microseconds UTC."""

    raw: bytes
    reason: str
    sent_at: int


class Ledger:
    """The ledger, kept in a file when one is named: what stands in it survives the exchange.

    An entry is written before its frame is sent, so that the ledger never lacks what somebody has seen.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.trades: list[Trade] = []
        self.bad_frames: list[BadFrame] = []
        self.frames_sent = 0
        self.resent = 0
        self._sent_at = array("q")
        self._times_sent = array("L")
        self._sums: dict[str, _Sums] = {}
        self._index: dict[str, dict[int, int]] = {}
        self._unsent: dict[str, dict[int, None]] = {}
        self._last_sent = _NEVER
        self._pending: list[bytes] = []
        self.target: int | None = None
        """How many trades are to be made in all, as it was said last; None when nothing was."""
        self._file = None
        if file is not None:
            self._load(file)
            self._file = file.open("ab", buffering=0)

    @property
    def position(self) -> int:
        """How many trades were made."""
        return len(self.trades)

    def made(self, symbol: str) -> int:
        """Return how many trades of a symbol were made."""
        return self._sums[symbol].count if symbol in self._sums else 0

    def entry(self, symbol: str, trade_id: int) -> int | None:
        """Return the number of a trade's entry, None when there is no such trade."""
        return self._index.get(symbol, {}).get(trade_id)

    def was_sent(self, entry: int) -> bool:
        """Whether a trade's frame was sent."""
        return self._times_sent[entry] > 0

    def history(self, symbol: str, first_id: int | None, limit: int) -> list[Trade]:
        """Return trades of a symbol from ``first_id`` on, the newest ones when it is None."""
        known = self._index.get(symbol, {})
        if first_id is None:
            first_id = max(1, len(known) - limit + 1)
        wanted = range(first_id, min(first_id + limit, len(known) + 1))
        return [self.trades[known[i]] for i in wanted if i in known]

    def aim(self, remaining: int | None) -> None:
        """Note how many trades are still to be made, so that the exchange goes on with them when it starts again."""
        self.target = None if remaining is None else self.position + remaining
        self._pending.append(orjson.dumps({"target": self.target}))

    def add(self, trade: Trade) -> int:
        """Take a new trade; returns the number of its entry."""
        entry = self._take(trade)
        self._pending.append(orjson.dumps({"made": list(trade)}))
        return entry

    def sent(self, entry: int, times: int, at: int) -> None:
        """Note that a trade's frame was sent ``times`` times at ``at``, in microseconds UTC."""
        self._note(entry, times, at)
        self._pending.append(orjson.dumps({"sent": [entry, times, at]}))

    def sent_badly(self, frame: BadFrame, times: int) -> None:
        """Note a bad frame that was sent ``times`` times."""
        for _ in range(times):
            self.bad_frames.append(frame)
            self.frames_sent += 1
            text = base64.b64encode(frame.raw).decode()
            self._pending.append(orjson.dumps({"bad": [text, frame.reason, frame.sent_at]}))

    def write(self) -> None:
        """Bring into the file what was noted since the last call."""
        if self._file is not None and self._pending:
            self._file.write(b"\n".join(self._pending) + b"\n")
        self._pending.clear()

    def close(self) -> None:
        """Close the file."""
        self.write()
        if self._file is not None:
            self._file.close()

    def summary(self) -> dict[str, Any]:
        """Return counts, sums and digests per symbol, and what was never sent."""
        last = None if self._last_sent == _NEVER else datetime.fromtimestamp(self._last_sent / 1_000_000, UTC)
        return {
            "position": self.position,
            "last_sent_at": last and last.isoformat().replace("+00:00", "Z"),
            "symbols": {s: self._of(sums) for s, sums in self._sums.items()},
            "frames_sent": self.frames_sent,
            "resent": self.resent,
            "bad_frames": len(self.bad_frames),
            "not_sent": {s: sorted(ids) for s, ids in self._unsent.items() if ids},
        }

    def lines(self, start: int, limit: int) -> Iterator[bytes]:
        """Return entries as lines of JSON, in order."""
        for entry in range(max(0, start), min(self.position, start + limit)):
            trade, at = self.trades[entry], self._sent_at[entry]
            yield orjson.dumps(
                {
                    "entry": entry,
                    **trade._asdict(),
                    "sent_at": None if at == _NEVER else at,
                    "times_sent": self._times_sent[entry],
                }
            )

    def bad_lines(self) -> Iterator[bytes]:
        """Return the bad frames as lines of JSON, in order."""
        for frame in self.bad_frames:
            text = base64.b64encode(frame.raw).decode()
            yield orjson.dumps({"raw_base64": text, "reason": frame.reason, "sent_at": frame.sent_at})

    @staticmethod
    def _of(sums: _Sums) -> dict[str, Any]:
        return {
            "count": sums.count,
            "first_id": sums.first_id,
            "last_id": sums.last_id,
            "price_sum": _decimal(sums.price),
            "quantity_sum": _decimal(sums.quantity),
            "digest": sums.digest.hexdigest(),
        }

    def _take(self, trade: Trade) -> int:
        entry = len(self.trades)
        self.trades.append(trade)
        self._sent_at.append(_NEVER)
        self._times_sent.append(0)
        self._index.setdefault(trade.s, {})[trade.t] = entry
        self._unsent.setdefault(trade.s, {})[trade.t] = None
        sums = self._sums.setdefault(trade.s, _Sums(first_id=trade.t))
        sums.count += 1
        sums.last_id = trade.t
        sums.price += _units(trade.p)
        sums.quantity += _units(trade.q)
        text = f"{trade.s}|{trade.t}|{trade.p}|{trade.q}|{trade.T}|{'true' if trade.m else 'false'}\n"
        sums.digest.update(text.encode())
        return entry

    def _note(self, entry: int, times: int, at: int) -> None:
        if self._sent_at[entry] == _NEVER:
            self._sent_at[entry] = at
            trade = self.trades[entry]
            self._unsent[trade.s].pop(trade.t, None)
        again = times if self._times_sent[entry] else times - 1
        self.resent += again
        self._times_sent[entry] += times
        self.frames_sent += times
        self._last_sent = max(self._last_sent, at)

    def _load(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            return
        content = file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a line that a kill cut short: its frame was not sent
            with file.open("r+b") as handle:
                handle.truncate(len(whole))
        for line in whole.splitlines():
            document = orjson.loads(line)
            if "made" in document:
                self._take(Trade(*document["made"]))
            elif "sent" in document:
                self._note(*document["sent"])
            elif "target" in document:
                self.target = document["target"]
            else:
                raw, reason, at = document["bad"]
                self.bad_frames.append(BadFrame(base64.b64decode(raw), reason, at))
                self.frames_sent += 1


def _units(text: str) -> int:
    return int(text.replace(".", ""))  # eight decimals are always written


def _decimal(units: int) -> str:
    return f"{units // _UNITS}.{units % _UNITS:08d}"
