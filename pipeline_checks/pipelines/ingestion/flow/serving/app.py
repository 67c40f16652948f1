"""The application: all routes, one shape of refusals, metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from pipeline_checks.model.clock import now
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.serving.clusters import cluster_routes
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context
from pipeline_checks.pipelines.ingestion.flow.serving.errors import refuse_in_one_shape
from pipeline_checks.pipelines.ingestion.flow.serving.files import file_routes
from pipeline_checks.pipelines.ingestion.flow.serving.health import HealthProbes
from pipeline_checks.pipelines.ingestion.flow.serving.identity import identified
from pipeline_checks.pipelines.ingestion.flow.serving.ingestions import ingestion_routes
from pipeline_checks.pipelines.ingestion.flow.serving.openapi import describe
from pipeline_checks.pipelines.ingestion.flow.serving.previews import preview_routes
from pipeline_checks.pipelines.ingestion.flow.serving.refreshes import refresh_routes
from pipeline_checks.pipelines.ingestion.flow.serving.request_metrics import measured
from pipeline_checks.pipelines.ingestion.flow.serving.responses import Health
from pipeline_checks.pipelines.ingestion.flow.serving.runs import run_routes
from pipeline_checks.pipelines.ingestion.flow.settings import Settings

PREFIX = "/api/v1"
_THREADS = 40
"""Requests that FastAPI answers at once; each takes one connection to the metadata, a refresh one more."""


def context_of(settings: Settings) -> Context:
    """Return what the routes answer from; raises ConfigurationError for a setting that cannot work."""
    return Context(
        settings=settings,
        database=Database(settings.database_url.get_secret_value(), connections=_THREADS),
        engines=Engines(settings),
        vault=Vault([key.get_secret_value() for key in settings.encryption_keys]),
        caller=identified(settings.tokens),
        now=now,
    )


def create_app(context: Context) -> FastAPI:
    """Return the application."""

    @asynccontextmanager
    async def serving(_: FastAPI) -> AsyncIterator[None]:
        yield
        context.engines.close()
        context.database.close()

    settings = context.settings
    app = FastAPI(title=settings.app_name, version=settings.app_version, lifespan=serving)
    registry = CollectorRegistry()
    probes = HealthProbes(context)

    @app.get("/", tags=["service"])
    def root() -> dict[str, str]:
        return {"name": settings.app_name, "version": settings.app_version, "status": "running"}

    @app.get("/health", tags=["service"], responses={503: {"model": Health}})
    def health(response: Response) -> Health:
        seen = probes.look()
        response.status_code = 503 if seen.status == "unhealthy" else 200
        return seen

    @app.get("/metrics", tags=["service"], include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    for routes in (preview_routes, ingestion_routes, run_routes, file_routes, refresh_routes, cluster_routes):
        app.include_router(routes(context), prefix=PREFIX)
    refuse_in_one_shape(app)
    describe(app)
    measured(app, registry)
    return app
