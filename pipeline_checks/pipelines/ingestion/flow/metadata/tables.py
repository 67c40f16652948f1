"""The tables of the service's metadata. Every instant has a zone, every count of bytes or rows is a bigint."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

VERSION_TABLE: Final = "ingestion_version"
RUN_STATES: Final = ("running", "success", "failed", "partial")
TRIGGERS: Final = ("manual", "scheduled", "retry")
FILE_STATES: Final = ("DISCOVERED", "PROCESSING", "SUCCESS", "FAILED", "SKIPPED")
INGESTION_STATES: Final = ("draft", "active", "paused", "error")
JsonValue = Any
"""Objects and lists as JSON knows them."""


class Base(DeclarativeBase):
    """What all tables share: names of constraints that a migration can speak of, and Postgres's types."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text, int: BigInteger}


class Ingestion(Base):
    """One source that is loaded into one table, as its user declared it."""

    __tablename__ = "ingestions"
    __table_args__ = (
        Index("ix_ingestions_tenant_id", "tenant_id"),
        Index(
            "ix_ingestions_due",
            "next_run_time",
            postgresql_where=text("status = 'active' AND next_run_time IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    tenant_id: Mapped[str]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    cluster_id: Mapped[str]
    source_type: Mapped[str]
    source_path: Mapped[str]
    source_file_pattern: Mapped[str | None]
    source_credentials: Mapped[str | None]
    """Encrypted; never returned."""
    on_change: Mapped[str] = mapped_column(String(16))
    format_type: Mapped[str]
    format_options: Mapped[JsonValue | None] = mapped_column(JSONB(none_as_null=True))
    bad_records: Mapped[str] = mapped_column(String(16))
    schema_inference: Mapped[str]
    schema_evolution_enabled: Mapped[bool]
    schema_json: Mapped[JsonValue | None] = mapped_column(JSONB(none_as_null=True))
    destination_catalog: Mapped[str]
    destination_database: Mapped[str]
    destination_table: Mapped[str]
    write_mode: Mapped[str]
    partitioning_enabled: Mapped[bool]
    partitioning_columns: Mapped[JsonValue] = mapped_column(JSONB)
    z_ordering_enabled: Mapped[bool]
    z_ordering_columns: Mapped[JsonValue] = mapped_column(JSONB)
    schedule_frequency: Mapped[str | None]
    schedule_time: Mapped[str | None]
    schedule_timezone: Mapped[str]
    schedule_cron: Mapped[str | None]
    backfill_enabled: Mapped[bool]
    backfill_start_date: Mapped[datetime | None]
    row_count_threshold: Mapped[int | None]
    alerts_enabled: Mapped[bool]
    alert_recipients: Mapped[JsonValue] = mapped_column(JSONB)
    checkpoint_location: Mapped[str]
    last_run_id: Mapped[str | None]
    last_run_time: Mapped[datetime | None]
    next_run_time: Mapped[datetime | None]
    schema_version: Mapped[int] = mapped_column(Integer)
    table_schema: Mapped[JsonValue | None] = mapped_column(JSONB(none_as_null=True))
    """Fields of the table as a run last left them; a table that is made anew is compared with it."""
    estimated_monthly_cost: Mapped[Any | None] = mapped_column(Numeric(14, 2))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[str]


class Run(Base):
    """One run of an ingestion. Its counts are the sums over its rows of ``run_files``."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_ingestion_id", "ingestion_id", "started_at"),
        Index("uq_runs_running", "ingestion_id", unique=True, postgresql_where=text("status = 'running'")),
        Index("ix_runs_waiting", "started_at", postgresql_where=text("status = 'running'")),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ingestion_id: Mapped[str] = mapped_column(ForeignKey("ingestions.id", ondelete="CASCADE"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(16))
    trigger: Mapped[str] = mapped_column(String(16))
    retry_of: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    files_discovered: Mapped[int] = mapped_column(default=0)
    files_skipped: Mapped[int] = mapped_column(default=0)
    files_processed: Mapped[int] = mapped_column(default=0)
    files_succeeded: Mapped[int] = mapped_column(default=0)
    files_failed: Mapped[int] = mapped_column(default=0)
    records_ingested: Mapped[int] = mapped_column(default=0)
    bytes_read: Mapped[int] = mapped_column(default=0)
    bytes_written: Mapped[int] = mapped_column(default=0)
    duration_seconds: Mapped[float | None]
    error_count: Mapped[int] = mapped_column(default=0)
    errors: Mapped[JsonValue | None] = mapped_column(JSONB(none_as_null=True))
    spark_job_id: Mapped[str | None]
    cluster_id: Mapped[str]
    worker_id: Mapped[str | None]
    """Who runs it; empty while it waits for a worker."""
    heartbeat_at: Mapped[datetime | None]
    """When its worker was last heard of; empty while it waits for one."""
    lease_expires_at: Mapped[datetime | None]
    """Unless heard of before, the worker is taken for dead from then on."""


class ProcessedFile(Base):
    """One version (etag and size) of one file, and what became of it."""

    __tablename__ = "processed_files"
    __table_args__ = (
        UniqueConstraint(
            "ingestion_id",
            "file_path",
            "file_etag",
            "file_size_bytes",
            name="uq_processed_files_version",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_processed_files_ingestion_id_status", "ingestion_id", "status"),
        Index("ix_processed_files_run_id", "run_id"),
        Index("ix_processed_files_file_path", "file_path"),
        Index("ix_processed_files_status_processed_at", "status", "processed_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ingestion_id: Mapped[str] = mapped_column(ForeignKey("ingestions.id", ondelete="CASCADE"))
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    file_path: Mapped[str]
    """``s3://bucket/key``."""
    file_size_bytes: Mapped[int | None]
    file_modified_at: Mapped[datetime | None]
    file_etag: Mapped[str | None]
    status: Mapped[str] = mapped_column(String(16))
    discovered_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    """When the same version was last seen with another time of modification."""
    processing_started_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]
    records_ingested: Mapped[int | None]
    records_quarantined: Mapped[int | None]
    bytes_read: Mapped[int | None]
    bytes_written: Mapped[int | None]
    processing_duration_ms: Mapped[int | None]
    error_message: Mapped[str | None]
    error_type: Mapped[str | None]
    retry_count: Mapped[int] = mapped_column(Integer, default=0)
    table_uuid: Mapped[str | None]
    """The table that it was loaded into, which may have been dropped since."""
    snapshot_id: Mapped[int | None]
    replaced_by: Mapped[str | None] = mapped_column(ForeignKey("processed_files.id", ondelete="SET NULL"))
    """The later version whose load took the rows of this one out of the table."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RunFile(Base):
    """What one run did with one file: kept when the file is tried again, and when its history is cleared."""

    __tablename__ = "run_files"
    __table_args__ = (Index("ix_run_files_file_id", "file_id"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    file_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    file_path: Mapped[str]
    file_etag: Mapped[str | None]
    file_size_bytes: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16))
    records_ingested: Mapped[int] = mapped_column(default=0)
    records_quarantined: Mapped[int] = mapped_column(default=0)
    bytes_read: Mapped[int] = mapped_column(default=0)
    bytes_written: Mapped[int] = mapped_column(default=0)
    error_type: Mapped[str | None]
    error_message: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SchemaVersion(Base):
    """One change of the table's fields, and the files that brought it."""

    __tablename__ = "schema_versions"
    __table_args__ = (UniqueConstraint("ingestion_id", "version", name="uq_schema_versions_ingestion_id_version"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ingestion_id: Mapped[str] = mapped_column(ForeignKey("ingestions.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    detected_at: Mapped[datetime]
    schema_json: Mapped[JsonValue] = mapped_column(JSONB)
    changes: Mapped[JsonValue] = mapped_column(JSONB)
    affected_files: Mapped[JsonValue | None] = mapped_column(JSONB(none_as_null=True))
    resolution_type: Mapped[str | None] = mapped_column(String(16))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]


class Refresh(Base):
    """One refresh that was begun: who asked, what was done, how it ended."""

    __tablename__ = "refreshes"
    __table_args__ = (
        Index("ix_refreshes_ingestion_id", "ingestion_id", "requested_at"),
        Index("uq_refreshes_started", "ingestion_id", unique=True, postgresql_where=text("status = 'started'")),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ingestion_id: Mapped[str] = mapped_column(ForeignKey("ingestions.id", ondelete="CASCADE"))
    mode: Mapped[str] = mapped_column(String(16))
    auto_run: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    """``started``, ``completed`` or ``partial_failure``."""
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    operations: Mapped[JsonValue] = mapped_column(JSONB)
    impact: Mapped[JsonValue] = mapped_column(JSONB)
    run_id: Mapped[str | None] = mapped_column(String(36))


class Alert(Base):
    """One alert that a run raised."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("run_id", "kind", name="uq_alerts_run_id_kind"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ingestion_id: Mapped[str] = mapped_column(ForeignKey("ingestions.id", ondelete="CASCADE"))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    message: Mapped[str]
    threshold: Mapped[int]
    seen: Mapped[int]
    recipients: Mapped[JsonValue] = mapped_column(JSONB)
    raised_at: Mapped[datetime]


class Worker(Base):
    """One worker and when it was last heard of."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
