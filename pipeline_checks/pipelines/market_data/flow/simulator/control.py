"""Control frames of the exchange's protocol: what a client may ask of its connection, and how it is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

MAX_STREAMS: Final = 1024
METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_FIELDS: Final = {"method", "params", "id"}
_STREAM: Final = re.compile(r"[a-z0-9]{1,32}@trade")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass
class Subscriptions:
    """The streams of a connection in the order they were asked for, and whether its events come wrapped."""

    combined: bool
    streams: dict[str, None] = field(default_factory=dict)


class _Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_stream(name: str) -> bool:
    """Whether a text is the name of a trade stream."""
    return _STREAM.fullmatch(name) is not None


def answer(text: str, subscriptions: Subscriptions) -> dict[str, Any]:
    """Carry a control frame out and return the answer to it.

    An error is ``{code, msg, id?}``: 0 unknown property, 1 value of the wrong type, 2 invalid request, 3 no JSON.
    """
    identity: dict[str, Any] = {}
    try:
        request = _request(text)
        if "id" in request:
            identity["id"] = _identity(request["id"])
        return {"result": _result(request, subscriptions), "id": identity.get("id")}
    except _Refused as refused:
        return {"code": refused.code, "msg": str(refused), **identity}


def _request(text: str) -> dict[str, Any]:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise _Refused(3, f"Invalid JSON: expected value at line {problem.lineno} column {problem.colno}") from None
    if not isinstance(request, dict):
        raise _Refused(2, "Invalid request: expected an object")
    return request


def _identity(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and _SMALLEST <= value <= _LARGEST):
        return value
    if isinstance(value, str) and len(value) <= 36:
        return value
    raise _Refused(2, "Invalid request: request ID must be a 64-bit integer, a text of at most 36 characters or null")


def _result(request: dict[str, Any], subscriptions: Subscriptions) -> Any:
    unknown = sorted(set(request) - _FIELDS)
    if unknown:
        raise _Refused(2, f"Invalid request: unknown field {unknown[0]}")
    if "method" not in request:
        raise _Refused(2, "Invalid request: missing field method")
    method, params = request["method"], request.get("params", [])
    if method not in METHODS:
        raise _Refused(2, f"Invalid request: unknown variant {method}, expected one of {', '.join(METHODS)}")
    if not isinstance(params, list):
        raise _Refused(2, "Invalid request: params must be a list")
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return _subscribe(method == "SUBSCRIBE", params, subscriptions)
    if method == "LIST_SUBSCRIPTIONS":
        _at_most(0, params)
        return list(subscriptions.streams)
    return _property(method == "SET_PROPERTY", params, subscriptions)


def _subscribe(add: bool, params: list[Any], subscriptions: Subscriptions) -> None:
    if not params:
        raise _Refused(2, "Invalid request: missing streams in params")
    wrong = next((p for p in params if not isinstance(p, str) or not is_stream(p)), None)
    if wrong is not None:
        raise _Refused(2, "Invalid request: invalid stream name")
    wanted = {**subscriptions.streams, **dict.fromkeys(params)}
    if add and len(wanted) > MAX_STREAMS:
        raise _Refused(2, f"Invalid request: more than {MAX_STREAMS} streams")
    if add:
        subscriptions.streams = wanted
    else:
        for name in params:
            subscriptions.streams.pop(name, None)


def _property(change: bool, params: list[Any], subscriptions: Subscriptions) -> Any:
    _at_most(2 if change else 1, params)
    if not params or not isinstance(params[0], str):
        raise _Refused(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _Refused(0, "Unknown property")
    if not change:
        return subscriptions.combined
    if len(params) < 2 or not isinstance(params[1], bool):
        raise _Refused(1, "Invalid value type: expected Boolean")
    subscriptions.combined = params[1]
    return None


def _at_most(count: int, params: list[Any]) -> None:
    if len(params) > count:
        raise _Refused(2, "Invalid request: too many parameters")
