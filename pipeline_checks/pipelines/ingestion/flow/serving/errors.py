"""Refusals: one shape for every status, with a code that programs can read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError

_log = logging.getLogger(__name__)
_HIDDEN: Final = "***"
_CODES: Final = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class ApiError(Exception):
    """A refusal.

    Parameters
    ----------
    status:
        The status of HTTP.
    code:
        The word for programs.
    detail:
        The text for people, or the list of what is not valid.
    help:
        What the caller can do.
    more:
        Further fields of the body.
    """

    def __init__(self, status: int, code: str, detail: Any, /, *, help: str = "", **more: Any) -> None:
        super().__init__(str(detail))
        self.status = status
        self.code = code
        self.detail = detail
        self.help = help
        self.more = more

    def response(self) -> JSONResponse:
        """Return the answer."""
        body = {"detail": self.detail, "error_code": self.code, **({"help": self.help} if self.help else {})}
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return JSONResponse(jsonable_encoder({**body, **self.more}), status_code=self.status, headers=headers)


def not_found(what: str, identifier: str) -> ApiError:
    """Return the refusal for something that is not there, or that belongs to somebody else."""
    return ApiError(404, f"{what.upper()}_NOT_FOUND", f"{what} {identifier} not found")


def invalid(code: str, loc: Sequence[str | int], message: str, given: Any = None) -> ApiError:
    """Return the refusal of one field."""
    detail = [{"type": "value_error", "loc": list(loc), "msg": message, "input": given}]
    return ApiError(422, code, detail)


def from_problem(problem: PipelineChecksError) -> ApiError:
    """Return the refusal that stands for a problem outside of the service."""
    if isinstance(problem, TransientError):
        return ApiError(503, "SERVICE_UNAVAILABLE", problem.message, help=problem.next_step)
    if isinstance(problem, ConfigurationError):
        return ApiError(409, "CONFIGURATION_ERROR", problem.message, help=problem.next_step)
    return ApiError(500, "INTERNAL_ERROR", problem.message, help=problem.next_step)


def without_secrets(value: Any) -> Any:
    """Return what was sent without the credentials in it: the answer to a mistake must not tell them.

    >>> without_secrets({"path": "s3://b/", "credentials": {"aws_secret_access_key": "x"}})
    {'path': 's3://b/', 'credentials': '***'}
    """
    if isinstance(value, dict):
        return {k: _HIDDEN if "credential" in str(k).lower() and v else without_secrets(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(v) for v in value]
    return _printable(value) if isinstance(value, str) else value


def refuse_in_one_shape(app: FastAPI) -> None:
    """Answer every error of the application in the one shape."""

    @app.exception_handler(ApiError)
    def refused(request: Request, problem: ApiError) -> JSONResponse:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, problem: RequestValidationError) -> JSONResponse:
        errors = problem.errors()
        unknown = request.method == "PUT" and any(e["type"] == "extra_forbidden" for e in errors)
        code = "FIELD_NOT_UPDATABLE" if unknown else "VALIDATION_ERROR"
        detail = [_told(e) for e in errors]
        return ApiError(422, code, detail).response()

    @app.exception_handler(HTTPException)
    def absent(request: Request, problem: HTTPException) -> JSONResponse:
        code = _CODES.get(problem.status_code, "HTTP_ERROR")
        answer = ApiError(problem.status_code, code, str(problem.detail)).response()
        answer.headers.update(problem.headers or {})
        return answer

    @app.exception_handler(PipelineChecksError)
    def outside(request: Request, problem: PipelineChecksError) -> JSONResponse:
        _log.warning("%s %s: %s", request.method, request.url.path, problem)
        return from_problem(problem).response()

    @app.exception_handler(Exception)
    def broken(request: Request, problem: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=problem)
        return ApiError(500, "INTERNAL_ERROR", "something went wrong here; the log tells what").response()


def _told(error: dict[str, Any]) -> dict[str, Any]:
    place = error["loc"]
    secret = any("credential" in str(part) for part in place)
    given = _HIDDEN if secret else without_secrets(jsonable_encoder(error.get("input"), custom_encoder={bytes: repr}))
    return {"type": error["type"], "loc": [_printable(p) for p in place], "msg": error["msg"], "input": given}


def _printable(value: Any) -> Any:
    """Return text that JSON can say: half of a surrogate pair cannot be."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
