"""Ingestions as callers declare them, as they are stored, and as they are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import ValidationError

from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.scheduling import plan_next
from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError, invalid
from pipeline_checks.pipelines.ingestion.flow.serving.requests import (
    IngestionCreate,
    IngestionUpdate,
    ScheduleRequest,
)
from pipeline_checks.pipelines.ingestion.flow.serving.responses import IngestionResponse
from pipeline_checks.pipelines.ingestion.flow.settings import Identity, Settings

_AWS: Final = ".amazonaws.com"


def refuse_unknown_places(wanted: IngestionCreate, settings: Settings) -> None:
    """Refuse a cluster, a catalogue or an endpoint that is not one of the settings; raises ApiError 422."""
    cluster = settings.clusters.get(wanted.cluster_id)
    if cluster is None:
        known = ", ".join(sorted(settings.clusters)) or "none"
        raise invalid(
            "CLUSTER_UNKNOWN", ("body", "cluster_id"), f"there is no such cluster; known: {known}", wanted.cluster_id
        )
    catalog = wanted.destination.catalog
    if catalog not in cluster.warehouses:
        known = ", ".join(sorted(cluster.warehouses))
        told = f"the cluster has no such catalog; known: {known}"
        raise invalid("CATALOG_UNKNOWN", ("body", "destination", "catalog"), told, catalog)
    endpoint = wanted.source.credentials.to_store()["endpoint"] if wanted.source.credentials else ""
    if endpoint and not _allowed(endpoint, settings):
        place = ("body", "source", "credentials", "endpoint_url")
        raise invalid("ENDPOINT_NOT_ALLOWED", place, "this service does not read from that endpoint")


def _allowed(endpoint: str, settings: Settings) -> bool:
    """Whether the service may connect to an endpoint: it must not become a way into the network that it runs in."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https" and host.endswith(_AWS):
        return True
    return endpoint.rstrip("/") in {e.rstrip("/") for e in (settings.s3_endpoint, *settings.allowed_endpoints) if e}


def to_row(wanted: IngestionCreate, identity: Identity, settings: Settings, vault: Vault, now: datetime) -> Ingestion:
    """Return a new ingestion as it is stored: a draft."""
    source, format_, destination = wanted.source, wanted.format, wanted.destination
    identifier = f"ing_{uuid4().hex[:12]}"
    row = Ingestion(
        id=identifier,
        tenant_id=identity.tenant_id,
        name=wanted.name,
        status="draft",
        cluster_id=wanted.cluster_id,
        source_type=source.type,
        source_path=source.path,
        source_file_pattern=source.file_pattern,
        source_credentials=vault.close(source.credentials.to_store() if source.credentials else None),
        on_change=source.on_change,
        format_type=format_.type,
        format_options=format_.options.model_dump(exclude_none=True) or None,
        bad_records=format_.bad_records,
        schema_inference=format_.schema_.inference,
        schema_evolution_enabled=format_.schema_.evolution_enabled,
        schema_json=[c.model_dump() for c in format_.schema_.columns] if format_.schema_.columns else None,
        destination_catalog=destination.catalog,
        destination_database=destination.database,
        destination_table=destination.table,
        write_mode=destination.write_mode,
        partitioning_enabled=destination.partitioning.enabled,
        partitioning_columns=destination.partitioning.columns,
        z_ordering_enabled=destination.optimization.z_ordering_enabled,
        z_ordering_columns=destination.optimization.z_ordering_columns,
        row_count_threshold=wanted.quality.row_count_threshold,
        alerts_enabled=wanted.quality.alerts_enabled,
        alert_recipients=wanted.quality.alert_recipients,
        checkpoint_location=f"{settings.checkpoint_base_path.rstrip('/')}/{identity.tenant_id}/{identifier}/",
        schema_version=1,
        created_at=now,
        updated_at=now,
        created_by=identity.user_id,
    )
    _put_schedule(row, wanted.schedule)
    return row


def update(row: Ingestion, wanted: IngestionUpdate, now: datetime) -> None:
    """Apply what is given and leave the rest.

    Raises ApiError 422 when the schedule that results cannot be kept, 409 when the status cannot follow the present.
    """
    if wanted.schedule is not None:
        merged = {**_schedule(row), **wanted.schedule.model_dump(exclude_unset=True)}
        try:
            _put_schedule(row, ScheduleRequest.model_validate(merged))
        except ValidationError as problem:
            error = problem.errors(include_url=False, include_input=False)[0]
            raise invalid("VALIDATION_ERROR", ("body", "schedule", *error["loc"]), error["msg"]) from None
    if wanted.quality is not None:
        given = wanted.quality.model_dump(exclude_unset=True)
        if "row_count_threshold" in given:
            row.row_count_threshold = given["row_count_threshold"]
        if given.get("alerts_enabled") is not None:
            row.alerts_enabled = given["alerts_enabled"]
        if given.get("alert_recipients") is not None:
            row.alert_recipients = given["alert_recipients"]
    if wanted.alert_recipients is not None:
        row.alert_recipients = wanted.alert_recipients
    if wanted.status is not None and wanted.status != row.status:
        _require_from(row, {"paused": ("draft", "active"), "active": ("draft", "paused", "error")}[wanted.status])
        row.status = wanted.status
    _touched(row, now)


def pause(row: Ingestion, now: datetime) -> None:
    """Pause; raises ApiError 409 for one that is in error."""
    _require_from(row, ("draft", "active", "paused"))
    row.status = "paused"
    _touched(row, now)


def resume(row: Ingestion, now: datetime) -> None:
    """Resume; raises ApiError 409 for a draft, which was never paused."""
    _require_from(row, ("paused", "error", "active"))
    row.status = "active"
    _touched(row, now)


def to_response(row: Ingestion, settings: Settings) -> IngestionResponse:
    """Return an ingestion as it is told."""
    cluster = settings.clusters.get(row.cluster_id)
    document: dict[str, Any] = {
        "id": row.id,
        "tenant_id": row.tenant_id,
        "name": row.name,
        "status": row.status,
        "cluster_id": row.cluster_id,
        "spark_connect_url": cluster.spark_connect_url if cluster else None,
        "source": {
            "type": row.source_type,
            "path": row.source_path,
            "file_pattern": row.source_file_pattern,
            "has_credentials": row.source_credentials is not None,
            "on_change": row.on_change,
        },
        "format": {
            "type": row.format_type,
            "options": row.format_options or {},
            "schema": {
                "inference": row.schema_inference,
                "evolution_enabled": row.schema_evolution_enabled,
                "schema_json": row.schema_json,
            },
            "bad_records": row.bad_records,
        },
        "destination": {
            "catalog": row.destination_catalog,
            "database": row.destination_database,
            "table": row.destination_table,
            "write_mode": row.write_mode,
            "partitioning": {"enabled": row.partitioning_enabled, "columns": row.partitioning_columns},
            "optimization": {
                "z_ordering_enabled": row.z_ordering_enabled,
                "z_ordering_columns": row.z_ordering_columns,
            },
        },
        "schedule": _schedule(row),
        "quality": {
            "row_count_threshold": row.row_count_threshold,
            "alerts_enabled": row.alerts_enabled,
            "alert_recipients": row.alert_recipients,
        },
        "metadata": {
            "checkpoint_location": row.checkpoint_location,
            "last_run_id": row.last_run_id,
            "last_run_time": row.last_run_time,
            "next_run_time": row.next_run_time,
            "schema_version": row.schema_version,
            "estimated_monthly_cost": row.estimated_monthly_cost,
        },
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "created_by": row.created_by,
    }
    return IngestionResponse.model_validate(document)


def _schedule(row: Ingestion) -> dict[str, Any]:
    return {
        "frequency": row.schedule_frequency,
        "time": row.schedule_time,
        "timezone": row.schedule_timezone,
        "cron_expression": row.schedule_cron,
        "backfill": {"enabled": row.backfill_enabled, "start_date": row.backfill_start_date},
    }


def _put_schedule(row: Ingestion, wanted: ScheduleRequest) -> None:
    row.schedule_frequency = wanted.frequency
    row.schedule_time = wanted.time
    row.schedule_timezone = wanted.timezone
    row.schedule_cron = wanted.cron_expression
    row.backfill_enabled = wanted.backfill.enabled
    row.backfill_start_date = wanted.backfill.start_date


def _touched(row: Ingestion, now: datetime) -> None:
    plan_next(row, now)
    row.updated_at = now


def _require_from(row: Ingestion, states: tuple[str, ...]) -> None:
    if row.status not in states:
        raise ApiError(
            409, "INVALID_STATE", f"the ingestion is {row.status}", help=f"This may be done from {', '.join(states)}."
        )
