"""The exchange's port: WebSocket connections of clients, and plain HTTP beside them."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pipeline_checks.pipelines.market_data.flow.simulator.connection import Connection, Limits
from pipeline_checks.pipelines.market_data.flow.simulator.control import MAX_STREAMS, Subscriptions, is_stream
from pipeline_checks.pipelines.market_data.flow.simulator.feed import Feed
from pipeline_checks.pipelines.market_data.flow.simulator.http import HttpSession, Routes

_LARGEST_HEAD: Final = 64 * 1024
_UPGRADE: Final = re.compile(rb"^upgrade:\s*websocket\s*$", re.IGNORECASE | re.MULTILINE)


class Exchange:
    """The exchange on one port."""

    def __init__(self, feed: Feed, limits: Limits) -> None:
        self.feed = feed
        self.limits = limits
        self._routes = Routes(feed)
        self._attempts: dict[str, deque[float]] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; returns the port, chosen by the system for 0."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_LARGEST_HEAD)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Close all connections and listen no more."""
        for connection in tuple(self.feed.connections):
            connection.close(1001, "Server shutdown")
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if _UPGRADE.search(head.replace(b"\r", b"")):
                await self._serve_client(head, reader, writer)
            else:
                await HttpSession(self._routes, reader, writer).serve(head)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            writer.close()  # no request, or nobody there any more
        except asyncio.CancelledError:
            writer.close()  # the exchange ends; raised on, the server would report it as an error

    async def _serve_client(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self._refusal(writer)
        if refusal is None:
            writer.close()
            return
        if refusal:
            await _refuse(writer, refusal)
            return
        target = head.split(b" ", 2)[1].decode("ascii", "replace")
        subscriptions, microseconds = _asked(target)
        if subscriptions is None:
            await _refuse(writer, 400)
            return
        connection = Connection(writer, self.limits, subscriptions, microseconds)
        if not connection.accept(head):
            writer.close()
            return
        self.feed.joined(connection)
        try:
            await connection.serve(reader)
        finally:
            self.feed.left(connection)

    def _refusal(self, writer: asyncio.StreamWriter) -> int | None:
        """Return the status that a connection is refused with, 0 when it is not, None when it is ended unanswered."""
        address = str(writer.get_extra_info("peername")[0])
        now = asyncio.get_running_loop().time()
        attempts = self._attempts.setdefault(address, deque())
        while attempts and now - attempts[0] > self.limits.attempts_within:
            attempts.popleft()
        attempts.append(now)
        if len(attempts) > self.limits.attempts:
            return 429
        if self.feed.refusals:
            return self.feed.refusals.pop(0).status
        return 0


def _asked(target: str) -> tuple[Subscriptions | None, bool]:
    """Return what the URL subscribes to, None when it is no URL of the exchange, and whether times are µs."""
    parts = urlsplit(target)
    query = parse_qs(parts.query)
    microseconds = query.get("timeUnit", [""])[0].upper() == "MICROSECOND"
    if parts.path == "/stream" or parts.path == "/stream/":
        names, combined = [n for n in query.get("streams", [""])[0].split("/") if n], True
    elif parts.path == "/ws" or parts.path.startswith("/ws/"):
        names, combined = [n for n in parts.path[4:].split("/") if n], False
    else:
        return None, microseconds
    if len(names) > MAX_STREAMS or not all(is_stream(n) for n in names):
        return None, microseconds
    return Subscriptions(combined, dict.fromkeys(names)), microseconds


async def _refuse(writer: asyncio.StreamWriter, status: int) -> None:
    writer.write(f"HTTP/1.1 {status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
    try:
        await writer.drain()
    except ConnectionError:
        pass  # it does not want to know
    writer.close()
