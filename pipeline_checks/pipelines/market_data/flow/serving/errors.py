"""What the API answers when it does not answer what was asked: one shape for every status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Response


class ApiError(Exception):
    """A refusal. ``code`` is one of a few words, ``details`` say where."""

    def __init__(
        self, status: int, code: str, message: str, details: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}


def unavailable(what: str) -> ApiError:
    """Return the refusal for a dependency that is away."""
    return ApiError(503, "SERVICE_UNAVAILABLE", f"{what} is not available", headers={"Retry-After": "2"})


def instant() -> str:
    """Return the time as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def error_body(code: str, message: str, details: Any, correlation_id: str) -> bytes:
    """Return the body of a refusal."""
    document = {
        "success": False,
        "error": {"code": code, "message": message, "details": details},
        "meta": {"correlation_id": correlation_id, "timestamp": instant()},
    }
    return orjson.dumps(document, default=str)


def error_response(problem: ApiError, correlation_id: str) -> Response:
    """Return a refusal as a response."""
    body = error_body(problem.code, problem.message, problem.details, correlation_id)
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(body, status_code=problem.status, media_type="application/json", headers=headers)
