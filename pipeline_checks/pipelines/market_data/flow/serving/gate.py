"""What happens to every request before its route: correlation id, key, rate, size; and what is measured of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError, error_body

if TYPE_CHECKING:
    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY: Final = 10 * 2**20
_CORRELATION: Final = re.compile(r"[\x21-\x7e]{1,128}")
_REQUEST: Final = ("method", "path", "status")


class Gate:
    """The outermost part of the application.

    Parameters
    ----------
    key:
        The key that requests below /v1 must bring.
    per_minute, health_per_minute:
        Requests a minute for each key, and of /health for each address.
    """

    def __init__(self, app: Any, key: str, per_minute: int, health_per_minute: int, metrics: Metrics) -> None:
        self._app = app
        self._key = key.encode()
        self._limit = RateLimitItemPerMinute(per_minute)
        self._health_limit = RateLimitItemPerMinute(health_per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        given = headers.get("x-correlation-id", "")
        correlation = given if _CORRELATION.fullmatch(given) else secrets.token_hex(4)
        scope.setdefault("state", {})["correlation_id"] = correlation
        further: dict[str, str] = {"X-Correlation-ID": correlation}
        status, begun = 500, False
        started = time.monotonic()

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = int(message["status"])
                present = {n.lower() for n, _ in message["headers"]}
                added = [(n.encode(), v.encode()) for n, v in further.items() if n.lower().encode() not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        in_progress = self._metrics.gauge("http_requests_in_progress")
        in_progress.inc()
        try:
            self._admit(scope, headers, further)
            if "transfer-encoding" in headers:
                receive = await _read_ahead(receive)
            await self._app(scope, receive, answer)
        except ApiError as problem:
            await _refuse(answer, problem, correlation)
        except Exception:
            if not begun:
                raise  # otherwise it has been logged and answered; raised on, it would cost the client its connection
        finally:
            in_progress.dec()
            self._measure(scope, status, time.monotonic() - started)

    def _admit(self, scope: Scope, headers: dict[str, str], further: dict[str, str]) -> None:
        """Raise ApiError for a request that is not to be answered; adds to the headers of the answer."""
        path = scope["path"]
        if path == "/health":
            address = scope["client"][0] if scope.get("client") else ""
            self._count(self._health_limit, "health", address, further)
        elif path == "/v1" or path.startswith("/v1/"):
            if scope["method"] == "OPTIONS":
                return
            key = headers.get("x-api-key")
            if not key:
                raise ApiError(401, "UNAUTHORIZED", "the header X-API-Key is missing")
            if not hmac.compare_digest(key.encode("utf-8", "surrogateescape"), self._key):
                raise ApiError(403, "FORBIDDEN", "the key is not valid")
            self._count(self._limit, "key", hashlib.sha256(key.encode()).hexdigest(), further)
        length = headers.get("content-length")
        if length is not None:
            if not length.isascii() or not length.isdigit():
                raise ApiError(400, "INVALID_CONTENT_LENGTH", "the header Content-Length is no number")
            if int(length) > MAX_BODY:
                raise ApiError(413, "PAYLOAD_TOO_LARGE", f"the body is larger than {MAX_BODY} bytes")

    def _count(self, limit: RateLimitItem, kind: str, who: str, further: dict[str, str]) -> None:
        allowed = self._limiter.hit(limit, kind, who)
        window = self._limiter.get_window_stats(limit, kind, who)
        further |= {
            "X-RateLimit-Limit": str(limit.amount),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(int(window.reset_time) + 1),
        }
        if not allowed:
            seconds = max(1, int(window.reset_time - time.time()) + 1)
            message = f"more than {limit.amount} requests a minute"
            raise ApiError(429, "RATE_LIMITED", message, headers={"Retry-After": str(seconds)})

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        path = getattr(scope.get("route"), "path", "other")  # the pattern: the path itself could be anything
        method = scope["method"] if scope["method"] in ("GET", "POST", "OPTIONS", "HEAD") else "other"
        values = (method, path, str(status))
        self._metrics.counter("http_requests", *values, labels=_REQUEST).inc()
        self._metrics.histogram("http_request_duration_seconds", method, path, labels=_REQUEST[:2]).observe(seconds)
        if status >= 400:
            self._metrics.counter("http_request_errors", *values, labels=_REQUEST).inc()


def _headers(scope: Scope) -> dict[str, str]:
    return {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in scope["headers"]}


async def _read_ahead(receive: Receive) -> Receive:
    """Return what gives a body of unknown length once it is known not to be too large."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
        if len(body) > MAX_BODY:
            raise ApiError(413, "PAYLOAD_TOO_LARGE", f"the body is larger than {MAX_BODY} bytes")
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return read


async def _refuse(send: Send, problem: ApiError, correlation: str) -> None:
    body = error_body(problem.code, problem.message, problem.details, correlation)
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": str(len(body))}
    headers |= problem.headers
    encoded = [(n.lower().encode(), v.encode()) for n, v in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
