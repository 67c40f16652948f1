"""A minimal schema registry: ``python -m pipeline_checks.pipelines.market_data.flow.registry --port 8081``.

It speaks the HTTP API that schema registries have in common, for Avro, on one machine. It has no replication, no
access control, no schema references and no modes: in production run a registry that has them.
"""

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from pipeline_checks.clients.settings import listen_address
from pipeline_checks.pipelines.market_data.flow.registering.schemas import Refused, Schemas

_KIND: Final = "application/vnd.schemaregistry.v1+json"


class SchemaBody(BaseModel):
    """A schema as a request gives it."""

    schema_: str
    schemaType: str = "AVRO"  # noqa: N815 - the name in the API

    model_config = {"alias_generator": lambda name: "schema" if name == "schema_" else name}

    def text(self) -> str:
        """Return the schema; raises Refused for another kind than Avro, or a text that is no JSON."""
        if self.schemaType != "AVRO":
            raise Refused(422, 42201, f"Invalid schema type {self.schemaType[:40]}: only AVRO is supported")
        try:
            orjson.loads(self.schema_)
        except orjson.JSONDecodeError as problem:
            raise Refused(422, 42201, f"Invalid schema: {problem}") from None
        return self.schema_


class LevelBody(BaseModel):
    """A compatibility as a request gives it."""

    compatibility: str


def create_app(schemas: Schemas) -> FastAPI:
    """Return the registry's application."""
    app = FastAPI(title="Minimal schema registry", version="1")
    lock = threading.Lock()

    @app.exception_handler(Refused)
    def refused(request: Request, problem: Refused) -> Response:
        return _json({"error_code": problem.code, "message": str(problem)}, problem.status)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, problem: RequestValidationError) -> Response:
        return _json({"error_code": 422, "message": f"Malformed request: {problem.errors()[0]['msg']}"}, 422)

    @app.get("/")
    def root() -> Response:
        return _json({})

    @app.get("/subjects")
    def subjects() -> Response:
        return _json(schemas.subjects())

    @app.get("/schemas/types")
    def types() -> Response:
        return _json(["AVRO"])

    @app.get("/schemas/ids/{schema_id}")
    def by_id(schema_id: int) -> Response:
        return _json({"schema": schemas.text(schema_id)})

    @app.get("/schemas/ids/{schema_id}/versions")
    def uses(schema_id: int) -> Response:
        return _json([{"subject": s, "version": v} for s, v in schemas.uses(schema_id)])

    @app.post("/subjects/{subject}")
    def find(subject: str, body: SchemaBody) -> Response:
        return _json(_version(subject, *schemas.find(subject, body.text())))

    @app.delete("/subjects/{subject}")
    def remove(subject: str) -> Response:
        with lock:
            return _json(schemas.remove(subject))

    @app.get("/subjects/{subject}/versions")
    def versions(subject: str) -> Response:
        return _json(schemas.versions(subject))

    @app.post("/subjects/{subject}/versions")
    def register(subject: str, body: SchemaBody) -> Response:
        with lock:
            return _json({"id": schemas.register(subject, body.text())})

    @app.get("/subjects/{subject}/versions/{version}")
    def version(subject: str, version: str) -> Response:
        return _json(_version(subject, *schemas.version(subject, version)))

    @app.get("/subjects/{subject}/versions/{version}/schema")
    def text(subject: str, version: str) -> Response:
        return Response(schemas.version(subject, version)[2], media_type=_KIND)

    @app.delete("/subjects/{subject}/versions/{version}")
    def remove_version(subject: str, version: str) -> Response:
        with lock:
            return _json(schemas.remove_version(subject, version))

    @app.post("/compatibility/subjects/{subject}/versions/{version}")
    def fits(subject: str, version: str, body: SchemaBody, verbose: bool = False) -> Response:
        problems = schemas.problems(subject, body.text(), version)
        return _json({"is_compatible": not problems} | ({"messages": problems} if verbose else {}))

    @app.post("/compatibility/subjects/{subject}/versions")
    def fits_all(subject: str, body: SchemaBody, verbose: bool = False) -> Response:
        problems = schemas.problems(subject, body.text())
        return _json({"is_compatible": not problems} | ({"messages": problems} if verbose else {}))

    @app.get("/config")
    def level() -> Response:
        return _json({"compatibilityLevel": schemas.level})

    @app.put("/config")
    def set_level(body: LevelBody) -> Response:
        with lock:
            schemas.set_level(None, body.compatibility)
        return _json({"compatibility": body.compatibility})

    @app.get("/config/{subject}")
    def level_of(subject: str, defaultToGlobal: bool = False) -> Response:  # noqa: N803 - the name in the API
        found = schemas.level_of(subject) or (schemas.level if defaultToGlobal else None)
        if found is None:
            message = f"Subject '{subject}' does not have subject-level compatibility configured"
            raise Refused(404, 40408, message)
        return _json({"compatibilityLevel": found})

    @app.put("/config/{subject}")
    def set_level_of(subject: str, body: LevelBody) -> Response:
        with lock:
            schemas.set_level(subject, body.compatibility)
        return _json({"compatibility": body.compatibility})

    @app.delete("/config/{subject}")
    def forget_level(subject: str) -> Response:
        with lock:
            return _json({"compatibilityLevel": schemas.forget_level(subject)})

    @app.get("/mode")
    def mode() -> Response:
        return _json({"mode": "READWRITE"})

    return app


def _version(subject: str, version: int, schema_id: int, text: str) -> dict[str, Any]:
    return {"subject": subject, "version": version, "id": schema_id, "schema": text}


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type=_KIND)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve on this machine until SIGTERM."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="registry", description="A minimal schema registry for one machine.")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--file", type=Path, help="keeps the schemas when the registry ends")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = create_app(Schemas(options.file))
    uvicorn.run(app, host=listen_address(), port=options.port, access_log=False, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
