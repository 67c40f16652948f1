"""The exchange's plain HTTP: its ledger, its plan of faults, its course, and the history that gaps are mended from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlsplit

import h11
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline_checks.pipelines.market_data.flow.simulator.feed import Feed
from pipeline_checks.pipelines.market_data.flow.simulator.plan import parse_plan
from pipeline_checks.pipelines.market_data.flow.simulator.trades import MAX_ID

_LARGEST_BODY: Final = 1 << 20
_BLOCK: Final = 2000
"""Lines that are written at once."""


@dataclass(frozen=True)
class Answer:
    """What a request is answered: a document, or lines of one each."""

    status: int
    body: Any = None
    lines: Iterator[bytes] | None = None


class CourseChange(BaseModel):
    """What ``POST /feed`` takes: trades to be made besides those that are left, for each symbol."""

    model_config = ConfigDict(extra="forbid")
    count: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    rate: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    paused: bool | None = None
    stop: bool = False
    """Make no more of the trades that are left."""


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")
    start: int = Field(default=0, ge=0)
    limit: int = Field(default=MAX_ID, ge=0)


class _History(BaseModel):
    model_config = ConfigDict(extra="forbid")
    symbol: str
    limit: int = Field(default=500, ge=1)
    first_id: int | None = Field(default=None, ge=0, alias="fromId")


class Routes:
    """Answers requests about one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._routes: dict[tuple[str, str], Callable[[dict[str, str], bytes], Answer]] = {
            ("GET", "/health"): lambda query, body: Answer(200, {"ready": True, "connections": len(feed.connections)}),
            ("GET", "/ledger"): self._ledger,
            ("GET", "/ledger/trades"): self._trades,
            ("GET", "/ledger/bad_frames"): lambda query, body: Answer(200, lines=feed.ledger.bad_lines()),
            ("GET", "/plan"): lambda query, body: Answer(200, feed.plan.document()),
            ("POST", "/plan"): self._add_faults,
            ("DELETE", "/plan"): self._restore,
            ("GET", "/feed"): lambda query, body: Answer(200, self._course()),
            ("POST", "/feed"): self._change_course,
            ("GET", "/api/v3/ping"): lambda query, body: Answer(200, {}),
            ("GET", "/api/v3/historicalTrades"): self._history,
        }

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Return the answer to a request."""
        parts = urlsplit(target)
        route = self._routes.get((method, parts.path))
        if route is None:
            known = any(path == parts.path for _, path in self._routes)
            return Answer(405 if known else 404, {"code": -1, "msg": "no such request"})
        try:
            return route(dict(parse_qsl(parts.query)), body)
        except ValidationError as problem:
            details = [{"at": ".".join(map(str, e["loc"])), "msg": e["msg"]} for e in problem.errors()]
            return Answer(400, {"code": -1100, "msg": "the request is malformed", "details": details})

    def _course(self) -> dict[str, Any]:
        course = self._feed.course
        return {
            "seed": self._feed.seed,
            "symbols": list(self._feed.symbols),
            "rate": course.rate,
            "remaining": course.remaining,
            "paused": course.paused,
            "idle": self._feed.idle,
            "connections": len(self._feed.connections),
        }

    def _ledger(self, query: dict[str, str], body: bytes) -> Answer:
        return Answer(200, {**self._feed.ledger.summary(), "idle": self._feed.idle, "seed": self._feed.seed})

    def _trades(self, query: dict[str, str], body: bytes) -> Answer:
        page = _Page.model_validate(query)
        return Answer(200, lines=self._feed.ledger.lines(page.start, page.limit))

    def _add_faults(self, query: dict[str, str], body: bytes) -> Answer:
        self._feed.add(parse_plan(body))
        return Answer(200, self._feed.plan.document())

    def _restore(self, query: dict[str, str], body: bytes) -> Answer:
        self._feed.restore()
        return Answer(200, self._feed.plan.document())

    def _change_course(self, query: dict[str, str], body: bytes) -> Answer:
        change, course = CourseChange.model_validate_json(body), self._feed.course
        if change.stop:
            course.remaining = 0
        if change.count is not None:
            course.remaining = (course.remaining or 0) + change.count * len(self._feed.symbols)
        if change.count is not None or change.stop:
            self._feed.ledger.aim(course.remaining)
        if change.rate is not None:
            course.rate = change.rate
        if change.paused is not None:
            course.paused = change.paused
        self._feed.wake()
        return Answer(200, self._course())

    def _history(self, query: dict[str, str], body: bytes) -> Answer:
        wanted = _History.model_validate(query)
        if wanted.symbol not in self._feed.symbols:
            return Answer(400, {"code": -1121, "msg": "Invalid symbol."})
        found = self._feed.ledger.history(wanted.symbol, wanted.first_id, min(wanted.limit, 1000))
        return Answer(
            200,
            [
                {
                    "id": t.t,
                    "price": t.p,
                    "qty": t.q,
                    "quoteQty": f"{(Decimal(t.p) * Decimal(t.q)).quantize(Decimal('1e-8')):f}",
                    "time": t.T,
                    "isBuyerMaker": t.m,
                    "isBestMatch": True,
                }
                for t in found
            ],
        )


class HttpSession:
    """The requests of one connection, answered one after the other."""

    def __init__(self, routes: Routes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._routes = routes
        self._reader = reader
        self._writer = writer
        self._connection = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()

    async def serve(self, head: bytes) -> None:
        """Answer until the client ends it; ``head`` was read already."""
        connection, data = self._connection, head
        try:
            while True:
                connection.receive_data(data)
                if not await self._take():
                    return
                data = await self._reader.read(65_536)
        except h11.RemoteProtocolError:
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await self._send(Answer(400, {"code": -1, "msg": "the request is malformed"}))
        except ConnectionError:
            pass  # the client is gone
        finally:
            self._writer.close()

    async def _take(self) -> bool:
        """Answer what has been received; False when the connection is to end."""
        connection = self._connection
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return True
            if isinstance(event, h11.Request):
                self._request, self._body = event, bytearray()
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > _LARGEST_BODY:
                    await self._send(Answer(413, {"code": -1, "msg": "the body is too large"}))
                    return False
            elif isinstance(event, h11.EndOfMessage):
                assert self._request is not None
                method, target = self._request.method.decode(), self._request.target.decode("ascii", "replace")
                await self._send(self._routes.answer(method, target, bytes(self._body)))
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return False
                connection.start_next_cycle()
            else:
                return False  # closed, or waiting for an upgrade that there is not

    async def _send(self, answer: Answer) -> None:
        lines = answer.lines
        content = orjson.dumps(answer.body) if lines is None else b""
        headers = [
            ("Content-Type", "application/json" if lines is None else "application/x-ndjson"),
            ("Content-Length", str(len(content))) if lines is None else ("Transfer-Encoding", "chunked"),
        ]
        reason = HTTPStatus(answer.status).phrase
        self._write(h11.Response(status_code=answer.status, headers=headers, reason=reason))
        if lines is None:
            self._write(h11.Data(data=content))
        else:
            while block := list(islice(lines, _BLOCK)):
                self._write(h11.Data(data=b"\n".join(block) + b"\n"))
                await self._writer.drain()
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    def _write(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)
