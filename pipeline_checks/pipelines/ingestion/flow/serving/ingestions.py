"""Ingestions: declared, listed, changed, paused, removed."""

from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.jobs import table_of
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.running.starting import refuse_while_busy
from pipeline_checks.pipelines.ingestion.flow.serving import declared
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, owned, refusing
from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError
from pipeline_checks.pipelines.ingestion.flow.serving.requests import IngestionCreate, IngestionUpdate
from pipeline_checks.pipelines.ingestion.flow.serving.responses import IngestionResponse, StatusResponse
from pipeline_checks.pipelines.ingestion.flow.settings import Identity


def ingestion_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["ingestions"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type

    @routes.post("/ingestions", status_code=201)
    def create(wanted: IngestionCreate, caller: Caller) -> IngestionResponse:
        declared.refuse_unknown_places(wanted, context.settings)
        row = declared.to_row(wanted, caller, context.settings, context.vault, context.now())
        with context.database.session() as session:
            session.add(row)
        return declared.to_response(row, context.settings)

    @routes.get("/ingestions")
    def listed(
        caller: Caller,
        tenant_id: str | None = None,
        status: Literal["draft", "active", "paused", "error"] | None = None,
        source_type: Literal["s3"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
        offset: Annotated[int, Query(ge=0, le=2**62)] = 0,
    ) -> list[IngestionResponse]:
        if tenant_id is not None and tenant_id != caller.tenant_id:
            raise ApiError(403, "TENANT_FORBIDDEN", "the token is not one of that tenant")
        query = sa.select(Ingestion).where(Ingestion.tenant_id == caller.tenant_id)
        if status is not None:
            query = query.where(Ingestion.status == status)
        if source_type is not None:
            query = query.where(Ingestion.source_type == source_type)
        query = query.order_by(Ingestion.created_at, Ingestion.id).limit(limit).offset(offset)
        with context.database.session() as session:
            rows = session.scalars(query).all()
        return [declared.to_response(row, context.settings) for row in rows]

    @routes.get("/ingestions/{ingestion_id}")
    def get(ingestion_id: str, caller: Caller) -> IngestionResponse:
        with context.database.session() as session:
            return declared.to_response(owned(session, caller, ingestion_id), context.settings)

    @routes.put("/ingestions/{ingestion_id}")
    def put(ingestion_id: str, wanted: IngestionUpdate, caller: Caller) -> IngestionResponse:
        with context.database.session() as session:
            row = owned(session, caller, ingestion_id, hold=True)
            declared.update(row, wanted, context.now())
            session.flush()
            return declared.to_response(row, context.settings)

    @routes.delete("/ingestions/{ingestion_id}", status_code=204)
    def delete(ingestion_id: str, caller: Caller, delete_table: bool = False) -> None:
        with refusing(), context.database.session() as session:
            row = owned(session, caller, ingestion_id, hold=True)
            refuse_while_busy(session, row.id)
            if delete_table:
                # While the row is held no run begins, and if the table stays, so does the ingestion.
                with context.engines.of(row.cluster_id) as engine:
                    engine.drop_table(table_of(row))
            _remove(session, row)

    @routes.post("/ingestions/{ingestion_id}/pause")
    def pause(ingestion_id: str, caller: Caller) -> StatusResponse:
        with context.database.session() as session:
            row = owned(session, caller, ingestion_id, hold=True)
            declared.pause(row, context.now())
            return StatusResponse(status=row.status)

    @routes.post("/ingestions/{ingestion_id}/resume")
    def resume(ingestion_id: str, caller: Caller) -> StatusResponse:
        with context.database.session() as session:
            row = owned(session, caller, ingestion_id, hold=True)
            declared.resume(row, context.now())
            return StatusResponse(status=row.status)

    return routes


def _remove(session: Session, row: Ingestion) -> None:
    """Remove an ingestion; the database removes with it what belongs to it."""
    session.execute(sa.delete(Ingestion).where(Ingestion.id == row.id))
