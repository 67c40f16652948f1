"""How many requests there were, how they ended and how long they took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def measured(app: FastAPI, registry: CollectorRegistry) -> None:
    """Count and time every request by the path of its route, never by the path that was asked for."""
    count = Counter("ingestion_requests", "Requests.", ("method", "route", "status"), registry=registry)
    seconds = Histogram(
        "ingestion_request_seconds", "Seconds of requests.", ("route",), buckets=_SECONDS, registry=registry
    )

    @app.middleware("http")
    async def measure(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = perf_counter()
        status = 500
        try:
            response = await answer(request)
            status = response.status_code
            return response
        finally:
            route = getattr(request.scope.get("route"), "path", "unknown")
            count.labels(request.method, route, str(status)).inc()
            seconds.labels(route).observe(perf_counter() - begun)
