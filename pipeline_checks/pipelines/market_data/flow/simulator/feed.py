"""The feed: makes trades at a rate, sends them to whoever has subscribed, and does what the plan says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from pipeline_checks.pipelines.market_data.flow.simulator import plan as faults
from pipeline_checks.pipelines.market_data.flow.simulator.bad_frames import bad_frame
from pipeline_checks.pipelines.market_data.flow.simulator.connection import Connection
from pipeline_checks.pipelines.market_data.flow.simulator.frames import combined, frame, payload, raw
from pipeline_checks.pipelines.market_data.flow.simulator.ledger import BadFrame, Ledger
from pipeline_checks.pipelines.market_data.flow.simulator.plan import Fault, Plan
from pipeline_checks.pipelines.market_data.flow.simulator.trades import Trade, TradeSource

_log = logging.getLogger(__name__)
_BURST: Final = 256
"""Trades that are sent before others get their turn."""
_TICK: Final = 0.005
"""Seconds between two looks at what is due."""
_EXAMPLE: Final = Trade("", 1, "100.00000000", "1.00000000", 1_700_000_000_000, False, 1_700_000_000_000)
"""What a bad frame is made from when no trade was made."""

_HEARD: Final = (faults.BadFrames, faults.Close, faults.Stall, faults.Shutdown)
"""Faults that happen to those who listen, and wait for them."""


@dataclass
class Course:
    """How the feed runs.

    Parameters
    ----------
    rate:
        Trades a second over all symbols; 0 is as fast as they are taken.
    remaining:
        Trades still to be made; None is without an end.
    when_away:
        Whether the feed waits while a symbol has no subscriber (``hold``) or goes on as a market does (``trade``).
    """

    rate: float = 50.0
    remaining: int | None = 0
    when_away: Literal["hold", "trade"] = "hold"
    paused: bool = False


class Feed:
    """The feed of all symbols. Everything of it happens in one event loop.

    Parameters
    ----------
    symbols:
        In the order in which they trade.
    """

    def __init__(self, seed: int, symbols: tuple[str, ...], ledger: Ledger, plan: Plan, course: Course) -> None:
        self.seed = seed
        self.symbols = symbols
        self.ledger = ledger
        self.plan = plan
        self.course = course
        self.connections: set[Connection] = set()
        self.refusals: list[faults.Refuse] = []
        self._source = TradeSource(seed, symbols, {s: ledger.made(s) for s in symbols})
        self._changed = asyncio.Event()
        self._stopped = False
        self._quiet = self._mute = False
        self._lifetime: float | None = None
        self._behind: list[faults.Resend] = []
        self._held: dict[str, int] = {}
        self._started = time.monotonic()
        self._made = 0

    @property
    def idle(self) -> bool:
        """Whether the source has nothing to give now: it is paused, or all its trades were made."""
        return self.course.paused or self.course.remaining == 0

    def add(self, wanted: Iterable[Fault]) -> None:
        """Take faults; those that are due are done at once."""
        for fault in wanted:
            self.plan.add(fault)
        self._do_what_is_due()
        self.wake()

    def wake(self) -> None:
        """Look at the course again."""
        self._started, self._made = time.monotonic(), 0
        self._changed.set()

    def restore(self) -> None:
        """Forget all faults; connections made from now on are sound."""
        self.plan.clear()
        self.refusals.clear()
        self._behind.clear()
        self._quiet = self._mute = False
        self._lifetime = None
        self.course.paused = False
        self.wake()

    def stop(self) -> None:
        """Make no more trades."""
        self._stopped = True
        self._changed.set()

    def joined(self, connection: Connection) -> None:
        """Take a connection that has been opened."""
        connection.pings = not self._quiet
        connection.pongs = not self._mute
        if self._lifetime is not None:
            connection.lifetime = self._lifetime
        self.connections.add(connection)
        if self.ledger.frames_sent:  # else it is no reconnection
            again, self._behind = self._behind, []
            for fault in again:
                self._resend(fault)
        self._do_what_is_due()
        self.wake()

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    async def run(self) -> None:
        """Make trades until stopped."""
        while not self._stopped:
            due = self._due()
            for _ in range(due):
                self._make()
                if not self._ready():
                    break
            self.ledger.write()
            for connection in tuple(self.connections):
                connection.tick()
                if connection.full and not connection.stalled:
                    await connection.drained()
            await self._pause(idle=due == 0 and not self._ready())

    async def _pause(self, idle: bool) -> None:
        """Let the others have their turn: until something changes when nothing is to be made."""
        self._changed.clear()
        seconds = 0.25 if idle else _TICK if self.course.rate else 0.0
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            pass  # time to look again

    def _ready(self) -> bool:
        return not self._stopped and not self.idle and (self.course.when_away == "trade" or self._heard())

    def _heard(self) -> bool:
        """Whether each symbol has somebody who is sent its trades."""
        return all(any(c.wants(s) for c in self.connections) for s in self.symbols)

    def _due(self) -> int:
        """Return how many trades are due now."""
        if not self._ready():
            self._started, self._made = time.monotonic(), 0  # what was not made while nobody listened is not made up
            return 0
        due = _BURST
        if self.course.rate > 0:
            due = min(_BURST, int((time.monotonic() - self._started) * self.course.rate) - self._made)
        self._made += max(0, due)
        return due

    def _make(self, away: bool = False) -> None:
        """Make one trade and send it, unless nobody is to be sent it."""
        if self.course.remaining == 0:
            return
        if self.course.remaining is not None:
            self.course.remaining -= 1
        trade = self._source.next(time.time_ns() // 1_000_000)
        entry = self.ledger.add(trade)
        if trade.t in self.plan.swapped.get(trade.s, ()):
            self._held[trade.s] = entry
        elif not away and trade.t not in self.plan.skipped.get(trade.s, ()):
            self._send([entry])
            if trade.s in self._held:
                self._send([self._held.pop(trade.s)])
        if not away:
            self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        for fault in self.plan.due(self.ledger.position):
            if isinstance(fault, _HEARD) and not self._heard():
                self.plan.postpone(fault)
                continue
            _log.info("fault: %s", fault.model_dump_json())
            self._do(fault)

    def _do(self, fault: Fault) -> None:
        match fault:
            case faults.Resend(when="reconnect"):
                self._behind.append(fault)
            case faults.Resend():
                self._resend(fault)
            case faults.BadFrames():
                self._send_badly(fault)
            case faults.Close():
                self._end(fault.code)
                self._trade_away(fault.away)
            case faults.Stall():
                for connection in self.connections:
                    connection.stalled = True
                self._trade_away(fault.away)
            case faults.Shutdown():
                self._shut_down(fault.seconds)
            case faults.NoPing():
                self._quiet = True
                for connection in self.connections:
                    connection.pings = False
            case faults.NoPong():
                self._mute = not fault.once
                for connection in self.connections:
                    connection.pongs = False
            case faults.Refuse():
                self.refusals += [fault] * fault.count
            case faults.Pause():
                self.course.paused = True
            case faults.Lifetime():
                self._lifetime = fault.seconds
                for connection in self.connections:
                    connection.lifetime = fault.seconds
            case faults.Skip() | faults.Swap():
                pass  # looked up trade by trade

    def _trade_away(self, count: int) -> None:
        for _ in range(count):
            self._make(away=True)

    def _end(self, code: int) -> None:
        self.ledger.write()
        for connection in tuple(self.connections):
            connection.close(code)

    def _shut_down(self, seconds: float) -> None:
        event = orjson.dumps({"e": "serverShutdown", "E": time.time_ns() // 1_000_000})
        told = tuple(self.connections)
        for connection in told:
            connection.send(event)

        def close() -> None:
            for connection in told:
                connection.close(1001, "Server shutdown")

        asyncio.get_running_loop().call_later(seconds, close)

    def _resend(self, fault: faults.Resend) -> None:
        """Send the last trades again that were sent."""
        found: list[int] = []
        skipped = self.plan.skipped
        for entry in range(self.ledger.position - 1, -1, -1):
            trade = self.ledger.trades[entry]
            wanted = fault.symbol in (None, trade.s) and trade.t not in skipped.get(trade.s, ())
            if wanted and self.ledger.was_sent(entry):
                found.append(entry)
                if len(found) == fault.count:
                    break
        self._send(found[::-1])

    def _send(self, entries: list[int]) -> None:
        """Send the trades of these entries to whoever has subscribed to them."""
        for entry in entries:
            trade = self.ledger.trades[entry]
            hearers = [c for c in self.connections if c.wants(trade.s)]
            if not hearers:
                continue
            self.ledger.sent(entry, len(hearers), time.time_ns() // 1000)
            frames: dict[tuple[bool, bool], bytes] = {}
            for connection in hearers:
                form = (connection.subscriptions.combined, connection.microseconds)
                if form not in frames:
                    frames[form] = frame(trade, *form)
                connection.send(frames[form])

    def _send_badly(self, fault: faults.BadFrames) -> None:
        symbol = self.symbols[0]
        made = self.ledger.history(symbol, None, 1)
        trade = made[-1] if made else _EXAMPLE._replace(s=symbol)
        for kind in fault.frames:
            for connection in self.connections:
                if connection.wants(symbol):
                    wrap = combined if connection.subscriptions.combined else raw
                    content = bad_frame(kind, payload(trade, connection.microseconds), wrap)
                    self.ledger.sent_badly(BadFrame(content, kind, time.time_ns() // 1000), 1)
                    connection.send(content)
