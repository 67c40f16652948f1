"""Runs: begun, listed, tried again; and the alerts that they raised."""

from datetime import timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.conflicts import StateConflict
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Alert, Ingestion, Run
from pipeline_checks.pipelines.ingestion.flow.running.starting import begin_run, refuse_while_busy
from pipeline_checks.pipelines.ingestion.flow.scheduling import plan_next
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, owned, refusing, run_id_or_404
from pipeline_checks.pipelines.ingestion.flow.serving.errors import not_found
from pipeline_checks.pipelines.ingestion.flow.serving.requests import RunRequest
from pipeline_checks.pipelines.ingestion.flow.serving.responses import (
    AlertResponse,
    RetryStarted,
    RunMetrics,
    RunResponse,
    RunStarted,
)
from pipeline_checks.pipelines.ingestion.flow.settings import Identity

_RETRYABLE = ("failed", "partial")


def run_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["runs"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type

    @routes.post("/ingestions/{ingestion_id}/run", status_code=202)
    def run(ingestion_id: str, caller: Caller, wanted: RunRequest | None = None) -> RunStarted:
        trigger = (wanted or RunRequest()).trigger
        with refusing(), context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id, hold=True)
            run_id = begin_run(session, ingestion, trigger)
            if trigger == "scheduled":
                plan_next(ingestion, context.now())
        return RunStarted(run_id=run_id)

    @routes.get("/ingestions/{ingestion_id}/runs")
    def listed(
        ingestion_id: str,
        caller: Caller,
        days: Annotated[int, Query(ge=1, le=3650)] = 30,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[RunResponse]:
        with context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id)
            rows = session.scalars(
                sa.select(Run)
                .where(Run.ingestion_id == ingestion.id, Run.started_at >= context.now() - timedelta(days=days))
                .order_by(Run.started_at.desc(), Run.id)
                .limit(limit)
            ).all()
        return [_told(row) for row in rows]

    @routes.get("/ingestions/{ingestion_id}/runs/{run_id}")
    def get(ingestion_id: str, run_id: str, caller: Caller) -> RunResponse:
        with context.database.session() as session:
            return _told(_run_of(session, owned(session, caller, ingestion_id), run_id))

    @routes.post("/ingestions/{ingestion_id}/runs/{run_id}/retry", status_code=202)
    def retry(ingestion_id: str, run_id: str, caller: Caller) -> RetryStarted:
        with refusing(), context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id, hold=True)
            refuse_while_busy(session, ingestion.id)
            original = _run_of(session, ingestion, run_id)
            if original.status not in _RETRYABLE:
                raise StateConflict(
                    "RUN_NOT_RETRYABLE",
                    f"run {run_id} is {original.status}",
                    help="Only a run that failed, wholly or in part, can be tried again.",
                )
            new = begin_run(session, ingestion, "retry", retry_of=original.id)
        return RetryStarted(original_run_id=original.id, run_id=new)

    @routes.get("/ingestions/{ingestion_id}/alerts")
    def alerts(
        ingestion_id: str, caller: Caller, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[AlertResponse]:
        with context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id)
            rows = session.scalars(
                sa.select(Alert)
                .where(Alert.ingestion_id == ingestion.id)
                .order_by(Alert.raised_at.desc(), Alert.id)
                .limit(limit)
            ).all()
        return [AlertResponse.model_validate(row) for row in rows]

    return routes


def _run_of(session: Session, ingestion: Ingestion, run_id: str) -> Run:
    run = session.get(Run, run_id_or_404(run_id))
    if run is None or run.ingestion_id != ingestion.id:
        raise not_found("Run", run_id)
    return run


def _told(row: Run) -> RunResponse:
    fields: dict[str, Any] = {name: getattr(row, name) for name in RunResponse.model_fields if name != "metrics"}
    metrics = {name: getattr(row, name) for name in RunMetrics.model_fields}
    return RunResponse.model_validate({**fields, "metrics": metrics})
