"""One WebSocket connection of the exchange, with its limits and what may be wrong with it."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass
from typing import Final

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from pipeline_checks.pipelines.market_data.flow.simulator.control import Subscriptions, answer

CLOSING: Final = 5.0
"""Seconds that a client may take to end a connection that is being closed."""
FULL: Final = 256 * 1024
"""Bytes not yet taken by the network from which on a connection counts as slow."""


@dataclass(frozen=True)
class Limits:
    """What the exchange asks of its clients; seconds.

    Parameters
    ----------
    ping_every, pong_within:
        A ping is sent so often, and a connection is dropped that has answered none for so long.
    lifetime:
        How long a connection lives.
    messages:
        Messages a second that a client may send, pings and pongs included.
    attempts, attempts_within:
        Connections that an address may open in a span of time.
    """

    ping_every: float = 20.0
    pong_within: float = 60.0
    lifetime: float = 24 * 3600.0
    messages: int = 5
    attempts: int = 300
    attempts_within: float = 300.0


class _Protocol(ServerProtocol):
    """The protocol without its own pongs, so that they can be left out."""

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame; a ping becomes an event and is not answered."""
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
            return
        super().recv_frame(frame)


class Connection:
    """An open connection. ``subscriptions`` say what it wants; ``send`` gives it a frame."""

    def __init__(
        self, writer: asyncio.StreamWriter, limits: Limits, subscriptions: Subscriptions, microseconds: bool
    ) -> None:
        self.subscriptions = subscriptions
        self.microseconds = microseconds
        self.pings = self.pongs = True
        self.stalled = False
        self.lifetime = limits.lifetime
        self._writer = writer
        self._limits = limits
        self._protocol = _Protocol(max_size=64 * 1024)
        self._received: deque[float] = deque(maxlen=limits.messages)
        self._ping: bytes | None = None
        self._text = b""
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self.opened = self._ponged = self._pinged = self._loop.time()

    @property
    def open(self) -> bool:
        """Whether frames can be sent."""
        return self._protocol.state is State.OPEN and not self._ended and not self._writer.is_closing()

    @property
    def full(self) -> bool:
        """Whether it takes its frames more slowly than they come."""
        transport = self._writer.transport
        return transport is not None and transport.get_write_buffer_size() > FULL

    def wants(self, symbol: str) -> bool:
        """Whether it is sent the trades of a symbol."""
        return self.open and not self.stalled and f"{symbol.lower()}@trade" in self.subscriptions.streams

    def accept(self, head: bytes) -> bool:
        """Answer the request to open the connection; whether it is open now."""
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
        self._flush()
        return self.open

    def send(self, frame: bytes) -> None:
        """Send a frame of text."""
        if self.open and not self.stalled:
            self._protocol.send_text(frame)
            self._flush()

    async def drained(self) -> None:
        """Wait until the connection has taken what it was sent."""
        try:
            await self._writer.drain()
        except ConnectionError:
            pass  # its reader notices too, and ends it

    def close(self, code: int, reason: str = "") -> None:
        """Close it; 1006 ends it without a close frame, behind what was sent."""
        if not self.open:
            return
        if code == 1006:
            self._ended = True
            if self._writer.can_write_eof():
                self._writer.write_eof()
        else:
            self._protocol.send_close(code, reason)
            self._flush()
        # The client ends the connection when it has read all of it; ended by us first, a reset could overtake frames.
        self._loop.call_later(CLOSING, self._writer.close)

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Read from it until it ends."""
        try:
            while data := await reader.read(65_536):
                self._protocol.receive_data(data)
                for event in self._protocol.events_received():
                    if isinstance(event, Frame) and self.open and not self._take(event):
                        self.close(1008, "Too many requests")
                self._flush()
        except ConnectionError:
            pass  # the client is gone
        finally:
            self._ended = True
            self._writer.close()

    def tick(self) -> None:
        """Do what time asks for: send a ping, end a connection that is too old or answers none."""
        now = self._loop.time()
        if not self.open:
            return
        if now - self.opened > self.lifetime:
            self.close(1001, "The connection has reached its age")
        elif now - self._ponged > self._limits.pong_within and self.pings:
            self.close(1006)
        elif self.pings and not self.stalled and now - self._pinged > self._limits.ping_every:
            self._pinged, self._ping = now, os.urandom(8)
            self._protocol.send_ping(self._ping)
            self._flush()

    def _take(self, frame: Frame) -> bool:
        """Take a frame; False when the client has sent too many."""
        if frame.opcode is Opcode.CLOSE:
            return True
        now = self._loop.time()
        if len(self._received) == self._limits.messages and now - self._received[0] < 1.0:
            return False
        self._received.append(now)
        data = bytes(frame.data)
        if frame.opcode is Opcode.PING:
            if self.pongs and not self.stalled:
                self._protocol.send_pong(data)
        elif frame.opcode is Opcode.PONG:
            if data == self._ping:
                self._ponged = now
        else:
            self._text += data
            if frame.fin:
                text, self._text = self._text.decode("utf-8", "replace"), b""
                self._protocol.send_text(orjson.dumps(answer(text, self.subscriptions)))
        return True

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._writer.is_closing() or self.stalled:
                continue
            if data == SEND_EOF:
                self._writer.close()
            else:
                self._writer.write(data)
