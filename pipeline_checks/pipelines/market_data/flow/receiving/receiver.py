"""The connection to the exchange: opened, watched, closed and opened again, until stopped or out of attempts."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.receiving.backoff import Backoff
from pipeline_checks.pipelines.market_data.flow.receiving.history import LARGEST, History
from pipeline_checks.pipelines.market_data.flow.receiving.publishing import TradePublisher
from pipeline_checks.pipelines.market_data.flow.sequence import Gap

if TYPE_CHECKING:
    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
    from pipeline_checks.pipelines.market_data.flow.settings import BinanceSettings

_log = logging.getLogger(__name__)
_REASON: Final = ("reason",)
_PLANNED: Final = {"age", "shutdown"}
"""Ends of a connection after which another one is opened at once and at the same place."""
_SOUND: Final = {"closed", *_PLANNED}
_WAITING: Final = 100_000
"""Records not yet taken by Kafka from which on nothing more is read from the exchange."""


class GivenUp(Exception):
    """The exchange could not be reached in as many attempts as are allowed."""


@dataclass
class Watched:
    """What is known of the connection; times of the loop's clock."""

    url: str = ""
    connected: bool = False
    connections: int = 0
    reconnects: int = 0
    last_message_at: str | None = None
    last_end: str | None = None


class Receiver:
    """Receives the trades of the symbols.

    Parameters
    ----------
    failed:
        Returns why publishing has failed; then nothing more is received.
    """

    def __init__(
        self, settings: BinanceSettings, publisher: TradePublisher, history: History | None, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._history = history
        self._metrics = metrics
        self._backoff = Backoff(settings.urls, settings.reconnect_delay, settings.max_reconnect_attempts)
        self._stopped = asyncio.Event()
        self._ending: str | None = None
        self._message_at = 0.0
        self._counters: dict[str, Any] = {}
        self.state = Watched()

    def stop(self) -> None:
        """Disconnect and return from ``run``."""
        self._stopped.set()

    async def run(self) -> None:
        """Receive until stopped. Raises GivenUp when attempts run out, and the publisher's failure."""
        connected = self._metrics.gauge("binance_connection_status")
        while not self._stopped.is_set():
            reason = await self._connection()
            self.state.connected = False
            connected.set(0)
            if self._publisher.failure is not None:
                raise self._publisher.failure
            if self._stopped.is_set():
                return
            self.state.last_end = reason
            self.state.reconnects += 1
            self._metrics.counter("binance_reconnects", reason, labels=_REASON).inc()
            if reason == "age":
                self._metrics.counter("binance_connection_rotations").inc()
            if reason in _PLANNED:
                continue
            seconds = self._backoff.failed(elsewhere=reason not in _SOUND)
            if self._backoff.used_up:
                raise GivenUp(f"the exchange was not reached in {self._backoff.failures} attempts; the last: {reason}")
            self._metrics.gauge("binance_reconnect_delay_seconds").set(seconds)
            _log.warning("connection ended: %s; next attempt at %s in %.2f s", reason, self._backoff.url, seconds)
            await self._stopped_within(seconds)

    async def _connection(self) -> str:
        """Open one connection and read it to its end; returns why it ended."""
        url = self.state.url = self._backoff.url
        # Before it is open, so that nothing is read from the history that the connection brings as well.
        await self._catch_up()
        try:
            websocket = await connect(
                stream_url(url, self._settings),
                compression=None,
                ping_interval=None,
                open_timeout=10,
                close_timeout=2,
                max_size=1 << 20,
                max_queue=(2048, 512),
                proxy=None if _is_local(url) else True,
                ssl=_ssl(url, self._settings),
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as problem:
            _log.warning("%s cannot be connected to: %s", url, problem)
            return "refused"
        self._ending = None
        self._message_at = time.monotonic()
        self.state.connected = True
        self.state.connections += 1
        self._metrics.gauge("binance_connection_status").set(1)
        watchers = [asyncio.create_task(w) for w in (self._watch(websocket), self._ping(websocket))]
        try:
            await self._read(websocket)
            return self._ending or "stopped"
        except ConnectionClosed as problem:
            closed = problem.rcvd is not None and problem.rcvd.code in (1000, 1001, 1012)
            return self._ending or ("closed" if closed else "lost")
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await websocket.close()

    async def _read(self, websocket: ClientConnection) -> None:
        while True:
            raw = await websocket.recv(decode=False)
            received = time.time_ns() // 1000
            self._message_at = time.monotonic()
            if self._backoff.failures:
                self._backoff.succeeded()
            await self._take(raw, received, websocket)
            if self._publisher.waiting > _WAITING:
                await asyncio.to_thread(self._publisher.flush, 120.0)
            if self._publisher.failure is not None:
                return

    async def _take(self, raw: bytes, received: int, websocket: ClientConnection) -> None:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError as problem:
            self._publisher.reject("not_json", str(problem), raw)
            return
        payload = document
        if isinstance(document, dict):
            if isinstance(document.get("data"), dict) and "stream" in document:
                payload = document["data"]
            if is_control(document):
                return
            if shuts_down(payload):
                self._end("shutdown", websocket)
                return
            if self._history is not None:
                await self._mend(payload, received)
        if self._publisher.trade(payload, raw, received):
            self._count(payload["s"], received)

    async def _mend(self, payload: dict[str, Any], received: int) -> None:
        """Publish what is missing before a payload, before it."""
        gap = self._publisher.gap_before(payload)
        if gap is not None:
            await self._fill(gap, received)

    async def _catch_up(self) -> None:
        """Publish what was traded since the last trade of each symbol: no later one may come that shows a gap."""
        if self._history is None:
            return
        for symbol in self._settings.symbols:
            last = self._publisher.tracker.last(symbol)
            if last is not None:
                await self._fill(Gap(symbol, last + 1, last + LARGEST, []), time.time_ns() // 1000)

    async def _fill(self, gap: Gap, received: int) -> None:
        assert self._history is not None
        try:
            for found in await self._history.trades(gap):
                self._publisher.trade(found, orjson.dumps(found), received, repaired=True)
        except PipelineChecksError as problem:
            _log.error("%s is not repaired from %d on: %s", gap.symbol, gap.first, problem)

    def _count(self, symbol: str, received: int) -> None:
        counter = self._counters.get(symbol)
        if counter is None:
            counter = self._metrics.counter("binance_messages_received", symbol, labels=("symbol",))
            self._counters[symbol] = counter
        counter.inc()
        self._metrics.gauge("binance_last_message_timestamp_seconds").set(received / 1_000_000)

    def _end(self, reason: str, websocket: ClientConnection) -> None:
        """Close the connection for a reason that is named."""
        if self._ending is None:
            self._ending = reason
            _log.info("closing the connection: %s", reason)
            self._closing = asyncio.create_task(websocket.close())

    async def _watch(self, websocket: ClientConnection) -> None:
        """End the connection when it is stale or too old, when Kafka fails, or when the program is to stop."""
        settings, opened = self._settings, time.monotonic()
        lifetime = settings.connection_max_lifetime_hours * 3600
        limits = [settings.health_check_interval, settings.health_check_timeout or lifetime, lifetime]
        every = max(0.01, min(*limits, 2.0) / 4)
        while not await self._stopped_within(every):
            now = time.monotonic()
            if self._publisher.failure is not None:
                self._end("failed", websocket)
                return
            if now - opened > lifetime:
                self._end("age", websocket)
                return
            if settings.health_check_timeout and now - self._message_at > settings.health_check_timeout:
                self._end("stale", websocket)
                return
        self._end("stopped", websocket)

    async def _ping(self, websocket: ClientConnection) -> None:
        """Ping at intervals, and end the connection when no pong comes."""
        while not await self._stopped_within(self._settings.ping_interval_seconds):
            try:
                pong = await websocket.ping()
                await asyncio.wait_for(pong, self._settings.ping_timeout_seconds)
            except ConnectionClosed:
                return
            except TimeoutError:
                self._metrics.counter("binance_pong_timeouts").inc()
                self._end("no_pong", websocket)
                return
            self._metrics.gauge("binance_last_pong_timestamp_seconds").set_to_current_time()

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait; whether the program is to stop."""
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return False
        return True


def stream_url(url: str, settings: BinanceSettings) -> str:
    """Return the URL that subscribes to the trades of the symbols."""
    names = "/".join(f"{s.lower()}@trade" for s in settings.symbols)
    unit = "&timeUnit=MICROSECOND" if settings.time_unit == "MICROSECOND" else ""
    return f"{url.rstrip('/')}/stream?streams={names}{unit}"


def is_control(document: dict[str, Any]) -> bool:
    """Whether a frame is the answer to a request, which is no trade and no bad one either."""
    return "e" not in document and (
        ("result" in document and "id" in document) or ("code" in document and "msg" in document)
    )


def shuts_down(payload: Any) -> bool:
    """Whether a payload announces that the server shuts down, bare or within ``event``."""
    event = payload.get("event", payload) if isinstance(payload, dict) else None
    return isinstance(event, dict) and event.get("e") == "serverShutdown"


def _is_local(url: str) -> bool:
    return any(f"//{host}" in url for host in ("127.0.0.1", "localhost", "[::1]"))


def _ssl(url: str, settings: BinanceSettings) -> ssl.SSLContext | None:
    if not url.startswith("wss://"):
        return None
    context = ssl.create_default_context(cafile=settings.custom_ca_bundle or None)
    if not settings.ssl_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
