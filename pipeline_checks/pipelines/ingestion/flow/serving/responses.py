"""What callers are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.pipelines.ingestion.flow.serving.requests import (
    DestinationRequest,
    FormatRequest,
    QualityRequest,
    ScheduleRequest,
)


class Answer(BaseModel):
    """What all parts of an answer share."""

    model_config = ConfigDict(populate_by_name=True, from_attributes=True)


class SourceResponse(Answer):
    """Where files arrive; credentials are never told, only whether there are some."""

    type: str
    path: str
    file_pattern: str | None
    has_credentials: bool
    on_change: str


class MetadataResponse(Answer):
    """What the service keeps of an ingestion; costs in USD."""

    checkpoint_location: str
    last_run_id: str | None
    last_run_time: datetime | None
    next_run_time: datetime | None
    schema_version: int
    estimated_monthly_cost: float | None


class IngestionResponse(Answer):
    """An ingestion."""

    id: str
    tenant_id: str
    name: str
    status: Literal["draft", "active", "paused", "error"]
    cluster_id: str
    spark_connect_url: str | None
    source: SourceResponse
    format: FormatRequest
    destination: DestinationRequest
    schedule: ScheduleRequest
    quality: QualityRequest
    metadata: MetadataResponse
    created_at: datetime
    updated_at: datetime
    created_by: str


class StatusResponse(Answer):
    """The status that an ingestion has now."""

    status: str


class RunStarted(Answer):
    """A run that waits for a worker."""

    run_id: str
    status: Literal["accepted"] = "accepted"


class RetryStarted(Answer):
    """A run that tries again what another one could not load."""

    status: Literal["retry_scheduled"] = "retry_scheduled"
    original_run_id: str
    run_id: str


class RunMetrics(Answer):
    """Counts of a run; bytes, and seconds."""

    files_discovered: int
    files_skipped: int
    files_processed: int
    files_succeeded: int
    files_failed: int
    records_ingested: int
    bytes_read: int
    bytes_written: int
    duration_seconds: float | None
    error_count: int


class RunError(Answer):
    """One error of a run; ``file`` is empty for one of the run itself."""

    file: str
    error_type: str
    message: str
    timestamp: datetime


class RunResponse(Answer):
    """A run."""

    id: str
    ingestion_id: str
    started_at: datetime
    ended_at: datetime | None
    status: Literal["running", "success", "failed", "partial"]
    trigger: Literal["manual", "scheduled", "retry"]
    retry_of: str | None
    metrics: RunMetrics
    errors: list[RunError] | None
    spark_job_id: str | None
    worker_id: str | None
    heartbeat_at: datetime | None
    lease_expires_at: datetime | None


class FileResponse(Answer):
    """One version of one file."""

    id: str
    run_id: str | None
    file_path: str
    file_size_bytes: int | None
    file_modified_at: datetime | None
    file_etag: str | None
    status: Literal["DISCOVERED", "PROCESSING", "SUCCESS", "FAILED", "SKIPPED"]
    discovered_at: datetime
    last_seen_at: datetime
    processing_started_at: datetime | None
    processed_at: datetime | None
    records_ingested: int | None
    records_quarantined: int | None
    bytes_read: int | None
    bytes_written: int | None
    processing_duration_ms: int | None
    error_message: str | None
    error_type: str | None
    retry_count: int
    table_uuid: str | None
    snapshot_id: str | None = Field(description="Text: it has more digits than a number of JSON can be trusted with.")
    replaced_by: str | None


class FilesResponse(Answer):
    """A page of files in the order of their paths; ``next_cursor`` is null on the last."""

    items: list[FileResponse]
    total: int
    next_cursor: str | None


class FilesCleared(Answer):
    """How many files were forgotten."""

    message: str
    files_cleared: int
    ingestion_id: str


class ColumnResponse(Answer):
    """One column."""

    name: str
    data_type: str
    nullable: bool
    is_new: bool


class SchemaChangeResponse(Answer):
    """One difference; a nested field is named by its path with dots."""

    change_type: str
    column_name: str
    old_type: str | None
    new_type: str | None


class SchemaVersionResponse(Answer):
    """One change of the table's columns, and the files that brought it."""

    version: int
    detected_at: datetime
    columns: list[ColumnResponse] = Field(alias="schema")
    changes: list[SchemaChangeResponse]
    affected_files: list[str]
    resolution_type: str | None


class AlertResponse(Answer):
    """One alert."""

    id: str
    run_id: str
    kind: str
    message: str
    threshold: int
    seen: int
    recipients: list[str]
    raised_at: datetime


class PreviewResponse(Answer):
    """What a run would see; ``sample_data`` is JSON text of rows."""

    columns: list[ColumnResponse] = Field(alias="schema")
    sample_data: list[str]
    file_count: int
    estimated_records: int


class CostDetails(Answer):
    """What a cost was computed from."""

    estimated_file_count: int
    estimated_total_size_gb: float
    estimated_duration_minutes: float
    runs_per_month: int
    cluster_dbus: float
    measured: bool


class CostBreakdown(Answer):
    """USD of one run and of a month."""

    compute_per_run: float
    compute_monthly: float
    storage_monthly: float
    discovery_monthly: float
    total_monthly: float
    breakdown_details: CostDetails


class RefreshOperation(Answer):
    """One step of a refresh."""

    operation: Literal["table_dropped", "processed_files_cleared", "run_triggered"]
    status: Literal["success", "failed", "skipped"]
    timestamp: datetime
    details: dict[str, Any]
    error: str | None = None
    error_code: str | None = None


class PlannedOperation(Answer):
    """One step that a refresh would take."""

    operation: str
    details: dict[str, Any]


class RefreshImpact(Answer):
    """What a refresh loads anew; GB and USD rounded to cents."""

    files_to_process: int
    files_skipped: int
    estimated_data_size_gb: float
    estimated_cost_usd: float
    estimated_duration_minutes: int
    estimated_bytes: int
    oldest_file_date: datetime | None
    newest_file_date: datetime | None


class NextSteps(Answer):
    """What the caller of a dry run may do."""

    to_proceed: str
    to_cancel: str


class RefreshResponse(Answer):
    """What a refresh did, or would do."""

    status: Literal["accepted", "dry_run", "partial_failure"]
    message: str
    ingestion_id: str
    run_id: str | None
    timestamp: datetime
    mode: Literal["full", "new_only"]
    operations: list[RefreshOperation]
    impact: RefreshImpact
    warnings: list[str]
    notes: list[str]
    would_perform: list[PlannedOperation] | None = None
    next_steps: NextSteps | None = None


class ClusterInfo(Answer):
    """A Spark that runs may use; ``rate`` is USD for an hour of one DBU."""

    id: str
    name: str
    spark_connect_url: str
    status: Literal["available", "unavailable"]
    workers: int
    dbus_per_worker: float
    rate: float


class ClusterTested(Answer):
    """What a cluster answered."""

    status: Literal["success"] = "success"
    cluster_id: str
    spark_version: str
    available_memory_gb: float


class Health(Answer):
    """What was asked and what it answered."""

    status: Annotated[str, Field(description="healthy, degraded (no worker), unhealthy")]
    database: str
    storage: str
    spark: str
    scheduler: str


class Refusal(Answer):
    """Every answer that is no success."""

    detail: str | list[dict[str, Any]]
    error_code: str
    help: str | None = None
    current_run_id: str | None = None
