"""What the API says of itself: every refusal with its shape."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline_checks.pipelines.ingestion.flow.serving.responses import Refusal

_REFUSALS: Final = {
    "400": "the body cannot be read",
    "401": "the token is missing or not known",
    "404": "there is no such thing",
    "409": "not in this state",
    "422": "a field is not valid",
    "503": "a dependency is away",
}
_FURTHER: Final = {
    "/refresh/": {"500": "some operations failed", "502": "the source does not answer"},
    "/ingestions/test": {"502": "the source does not answer"},
    "/ingestions": {"403": "the token is not one of that tenant"},
}


def describe(app: FastAPI) -> None:
    """Give the application an OpenAPI document that names its refusals."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = made["components"]["schemas"]
            schemas["Refusal"] = Refusal.model_json_schema()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(path: str, operation: dict[str, Any]) -> None:
    if not path.startswith("/api/"):
        return
    answers = dict(_REFUSALS)
    for part, further in _FURTHER.items():
        if path.endswith(part) or (part.endswith("/") and part in path):
            answers |= further
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for status, description in answers.items():
        operation["responses"][status] = {"description": description, "content": shape}
