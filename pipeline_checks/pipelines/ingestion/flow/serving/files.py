"""Files and schema versions of an ingestion."""

import base64
import binascii
import json
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from pipeline_checks.pipelines.ingestion.flow.metadata.tables import ProcessedFile, SchemaVersion
from pipeline_checks.pipelines.ingestion.flow.refreshing.operations import clear_files
from pipeline_checks.pipelines.ingestion.flow.running.starting import refuse_while_busy
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, owned, refusing
from pipeline_checks.pipelines.ingestion.flow.serving.errors import invalid
from pipeline_checks.pipelines.ingestion.flow.serving.responses import (
    FileResponse,
    FilesCleared,
    FilesResponse,
    SchemaVersionResponse,
)
from pipeline_checks.pipelines.ingestion.flow.serving.texts import Text
from pipeline_checks.pipelines.ingestion.flow.settings import Identity


def file_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["files"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type
    path = sa.collate(ProcessedFile.file_path, "C")

    @routes.get("/ingestions/{ingestion_id}/processed-files")
    def listed(
        ingestion_id: str,
        caller: Caller,
        status: Literal["DISCOVERED", "PROCESSING", "SUCCESS", "FAILED", "SKIPPED"] | None = None,
        path_prefix: Text | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
        cursor: Text | None = None,
    ) -> FilesResponse:
        with context.database.session() as session:
            conditions = [ProcessedFile.ingestion_id == owned(session, caller, ingestion_id).id]
            if status is not None:
                conditions.append(ProcessedFile.status == status)
            if path_prefix is not None:
                conditions.append(sa.func.starts_with(ProcessedFile.file_path, path_prefix))
            total = session.scalar(sa.select(sa.func.count()).select_from(ProcessedFile).where(*conditions)) or 0
            if cursor is not None:
                after_path, after_id = _position(cursor)
                place = sa.tuple_(path, ProcessedFile.id)
                conditions.append(place > sa.tuple_(sa.literal(after_path), sa.literal(after_id)))
            query = sa.select(ProcessedFile).where(*conditions).order_by(path, ProcessedFile.id).limit(limit + 1)
            rows = session.scalars(query).all()
        items = [_told(row) for row in rows[:limit]]
        more = _cursor(items[-1]) if len(rows) > limit else None
        return FilesResponse(items=items, total=total, next_cursor=more)

    @routes.delete("/ingestions/{ingestion_id}/processed-files")
    def clear(ingestion_id: str, caller: Caller) -> FilesCleared:
        with refusing(), context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id, hold=True)
            refuse_while_busy(session, ingestion.id)
            cleared = clear_files(session, ingestion.id)
        message = f"Cleared {cleared} processed file records"
        return FilesCleared(message=message, files_cleared=cleared, ingestion_id=ingestion.id)

    @routes.get("/ingestions/{ingestion_id}/schema-versions")
    def versions(ingestion_id: str, caller: Caller) -> list[SchemaVersionResponse]:
        with context.database.session() as session:
            ingestion = owned(session, caller, ingestion_id)
            rows = session.scalars(
                sa.select(SchemaVersion)
                .where(SchemaVersion.ingestion_id == ingestion.id, SchemaVersion.resolved_at.is_not(None))
                .order_by(SchemaVersion.version)
            ).all()
        return [
            SchemaVersionResponse.model_validate(
                {
                    "version": row.version,
                    "detected_at": row.detected_at,
                    "schema": row.schema_json,
                    "changes": row.changes,
                    "affected_files": row.affected_files or [],
                    "resolution_type": row.resolution_type,
                }
            )
            for row in rows
        ]

    return routes


def _told(row: ProcessedFile) -> FileResponse:
    fields = {name: getattr(row, name) for name in FileResponse.model_fields}
    snapshot = str(row.snapshot_id) if row.snapshot_id is not None else None
    return FileResponse.model_validate({**fields, "snapshot_id": snapshot})


def _cursor(last: FileResponse) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.file_path, last.id]).encode()).decode()


def _position(cursor: str) -> tuple[str, str]:
    try:
        path, identifier = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if isinstance(path, str) and isinstance(identifier, str) and "\x00" not in path + identifier:
            (path + identifier).encode()
            return path, identifier
    except (binascii.Error, ValueError, TypeError):
        pass
    raise invalid("VALIDATION_ERROR", ("query", "cursor"), "is not one of this list's cursors", cursor)
