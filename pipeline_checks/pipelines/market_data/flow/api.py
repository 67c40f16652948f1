"""The API: ``python -m pipeline_checks.pipelines.market_data.flow.api``. Settings: variables K2_*."""

import argparse
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from pipeline_checks.clients.settings import listen_address
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.avro import Decoder, registry, schema_by_id
from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
from pipeline_checks.pipelines.market_data.flow.serving.asking import asking_routes
from pipeline_checks.pipelines.market_data.flow.serving.envelope import answer, meta
from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError, error_response
from pipeline_checks.pipelines.market_data.flow.serving.gate import Gate
from pipeline_checks.pipelines.market_data.flow.serving.health import Health
from pipeline_checks.pipelines.market_data.flow.serving.openapi import describe
from pipeline_checks.pipelines.market_data.flow.serving.reading import reading
from pipeline_checks.pipelines.market_data.flow.serving.tail import Tail
from pipeline_checks.pipelines.market_data.flow.serving.views import Views
from pipeline_checks.pipelines.market_data.flow.settings import (
    ApiSettings,
    IcebergSettings,
    KafkaSettings,
    ObservabilitySettings,
    load,
)
from pipeline_checks.pipelines.market_data.flow.table.definition import catalog_of

VERSION = "1.0.0"
_log = logging.getLogger(__name__)
_ORIGINS = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 8080)]


@dataclass(frozen=True)
class Served:
    """What the API answers from."""

    views: Views
    tail: Tail
    health: Health
    metrics: Metrics


def create_app(settings: ApiSettings, iceberg: IcebergSettings, served: Served) -> Gate:
    """Return the application."""

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        served.views.start()
        served.tail.start()
        yield
        served.tail.stop()
        served.views.stop()

    app = FastAPI(title="Market data", version=VERSION, lifespan=watching)

    @app.get("/")
    def root(request: Request) -> Response:
        data = {
            "name": "Market data",
            "version": VERSION,
            "docs": "/docs",
            "redoc": "/redoc",
            "health": "/health",
            "api": "/v1",
        }
        return answer(data, meta(request))

    @app.get("/health")
    def health(request: Request) -> Response:
        import orjson

        status, document = served.health.look()
        headers = {"Cache-Control": "no-store"}
        return Response(orjson.dumps(document), status_code=status, media_type="application/json", headers=headers)

    @app.get("/metrics")
    def metrics() -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        content = generate_latest(served.metrics.registry)
        return Response(content, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    app.include_router(reading(served.views, served.tail, iceberg))
    app.include_router(asking_routes(served.views))
    _refuse_in_one_shape(app)
    describe(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=_ORIGINS,
        allow_methods=["GET", "POST", "OPTIONS"],
        allow_headers=["X-API-Key", "X-Correlation-ID", "Content-Type"],
        expose_headers=["X-Correlation-ID", "X-Record-Count", "X-Snapshot-Id", "X-Cursor"],
    )
    # Outermost, so that what goes wrong anywhere within is measured and carries its headers.
    return Gate(
        app,
        key=settings.key.get_secret_value(),
        per_minute=settings.rate_limit,
        health_per_minute=settings.health_rate_limit,
        metrics=served.metrics,
    )


def _refuse_in_one_shape(app: FastAPI) -> None:
    def told(request: Request, problem: ApiError) -> Response:
        return error_response(problem, getattr(request.state, "correlation_id", ""))

    @app.exception_handler(ApiError)
    def refused(request: Request, problem: ApiError) -> Response:
        return told(request, problem)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, problem: RequestValidationError) -> Response:
        details = [{"at": [str(p) for p in e["loc"]], "message": e["msg"]} for e in problem.errors()]
        return told(request, ApiError(422, "VALIDATION_ERROR", "the request is not valid", jsonable_encoder(details)))

    @app.exception_handler(HTTPException)
    def absent(request: Request, problem: HTTPException) -> Response:
        codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 400: "BAD_REQUEST"}
        code = codes.get(problem.status_code, "HTTP_ERROR")
        headers = dict(problem.headers or {})
        return told(request, ApiError(problem.status_code, code, str(problem.detail), headers=headers))

    @app.exception_handler(Exception)
    def broken(request: Request, problem: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=problem)
        return told(request, ApiError(500, "INTERNAL_ERROR", "something went wrong here; the log tells what"))


def serve_from(kafka: KafkaSettings, iceberg: IcebergSettings, watching: ObservabilitySettings) -> Served:
    """Return what the API answers from, nothing of it started."""
    client = registry(kafka.schema_registry_url)
    metrics = Metrics("query-api", watching.environment, "api")
    views = Views(catalog_of(iceberg), iceberg.table, kafka.trades_topic, metrics)
    tail = Tail(kafka, views, Decoder(schema_by_id(client)))

    def duckdb_answers() -> None:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SELECT 1")

    def told(problem: str | None) -> None:
        if problem is not None:
            raise ConnectionError(problem)

    probes: dict[str, Any] = {
        "duckdb": duckdb_answers,
        "iceberg": lambda: told(views.problem),
        "kafka": lambda: told(tail.problem),
        "schema_registry": lambda: client.get_subjects(),
    }
    return Served(views, tail, Health(VERSION, probes), metrics)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve on this machine until SIGTERM; 2 for a wrong setting, 1 when it cannot start."""
    import uvicorn

    argparse.ArgumentParser(
        prog="market-api",
        description="Serve trades from an Iceberg table and a topic.",
        epilog="Settings are environment variables K2_API_* (K2_API_KEY is required), K2_KAFKA_* and K2_ICEBERG_*.",
    ).parse_args(argv)
    try:
        settings, kafka, iceberg = load(ApiSettings), load(KafkaSettings), load(IcebergSettings)
        watching = load(ObservabilitySettings)
        logging.basicConfig(level=watching.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        for name in ("httpx", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        app = create_app(settings, iceberg, serve_from(kafka, iceberg, watching))
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("the API cannot start: %s", problem)
        return 1
    uvicorn.run(app, host=listen_address(), port=settings.port, access_log=False, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
