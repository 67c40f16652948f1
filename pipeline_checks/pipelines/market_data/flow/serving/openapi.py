"""What the API says of itself: the key, and the shape of refusals."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline_checks.pipelines.market_data.flow.serving.trade_schema import trade_schema, trades_answer

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "error", "meta"],
    "properties": {
        "success": {"type": "boolean", "enum": [False]},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "details": {}},
        },
        "meta": {"type": "object"},
    },
}
_REFUSALS = {
    "400": "the request cannot be understood",
    "401": "the key is missing",
    "403": "the key is not valid",
    "404": "there is no such thing",
    "413": "the body is too large",
    "422": "a parameter is not valid",
    "429": "too many requests",
    "503": "a dependency is away",
}

_LISTS = ("/v1/trades", "/v1/trades/recent", "/v1/snapshots/{snapshot_id}/query")
"""Where whole trades are answered."""


def describe(app: FastAPI) -> None:
    """Give the application an OpenAPI document that names its refusals and its key."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas["Refusal"] = _ERROR
            schemas["Trade"] = trade_schema()
            made["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(path: str, operation: dict[str, Any]) -> None:
    if path == "/health":
        answers = {"429": _REFUSALS["429"]}
        operation["responses"]["503"] = {"description": "a dependency is away"}
    elif path.startswith("/v1"):
        answers = _REFUSALS
        operation["security"] = [{"key": []}]
    else:
        answers = {}
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for status, description in answers.items():
        operation["responses"][status] = {"description": description, "content": shape}
    if path.endswith(("/query", "/replay", "/aggregations")):
        content = operation["responses"]["200"].setdefault("content", {})
        content |= {"text/csv": {}, "application/vnd.apache.parquet": {}}
    if path in _LISTS:
        operation["responses"]["200"].setdefault("content", {})["application/json"] = {"schema": trades_answer()}
    if path == "/metrics":
        operation["responses"]["200"]["content"] = {"text/plain": {}}
