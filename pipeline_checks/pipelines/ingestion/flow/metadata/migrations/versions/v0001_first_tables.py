"""The first tables: ingestions, runs, files, what each run did with each file, schemas, refreshes, alerts, workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ingestions",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_path", sa.Text(), nullable=False),
        sa.Column("source_file_pattern", sa.Text(), nullable=True),
        sa.Column("source_credentials", sa.Text(), nullable=True),
        sa.Column("on_change", sa.String(length=16), nullable=False),
        sa.Column("format_type", sa.Text(), nullable=False),
        sa.Column("format_options", JSONB(), nullable=True),
        sa.Column("bad_records", sa.String(length=16), nullable=False),
        sa.Column("schema_inference", sa.Text(), nullable=False),
        sa.Column("schema_evolution_enabled", sa.Boolean(), nullable=False),
        sa.Column("schema_json", JSONB(), nullable=True),
        sa.Column("destination_catalog", sa.Text(), nullable=False),
        sa.Column("destination_database", sa.Text(), nullable=False),
        sa.Column("destination_table", sa.Text(), nullable=False),
        sa.Column("write_mode", sa.Text(), nullable=False),
        sa.Column("partitioning_enabled", sa.Boolean(), nullable=False),
        sa.Column("partitioning_columns", JSONB(), nullable=False),
        sa.Column("z_ordering_enabled", sa.Boolean(), nullable=False),
        sa.Column("z_ordering_columns", JSONB(), nullable=False),
        sa.Column("schedule_frequency", sa.Text(), nullable=True),
        sa.Column("schedule_time", sa.Text(), nullable=True),
        sa.Column("schedule_timezone", sa.Text(), nullable=False),
        sa.Column("schedule_cron", sa.Text(), nullable=True),
        sa.Column("backfill_enabled", sa.Boolean(), nullable=False),
        sa.Column("backfill_start_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("row_count_threshold", sa.BigInteger(), nullable=True),
        sa.Column("alerts_enabled", sa.Boolean(), nullable=False),
        sa.Column("alert_recipients", JSONB(), nullable=False),
        sa.Column("checkpoint_location", sa.Text(), nullable=False),
        sa.Column("last_run_id", sa.Text(), nullable=True),
        sa.Column("last_run_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("table_schema", JSONB(), nullable=True),
        sa.Column("estimated_monthly_cost", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingestions")),
    )
    op.create_index(
        "ix_ingestions_due",
        "ingestions",
        ["next_run_time"],
        unique=False,
        postgresql_where=sa.text("status = 'active' AND next_run_time IS NOT NULL"),
    )
    op.create_index("ix_ingestions_tenant_id", "ingestions", ["tenant_id"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "refreshes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ingestion_id", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("auto_run", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("operations", JSONB(), nullable=False),
        sa.Column("impact", JSONB(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name=op.f("fk_refreshes_ingestion_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refreshes")),
    )
    op.create_index("ix_refreshes_ingestion_id", "refreshes", ["ingestion_id", "requested_at"], unique=False)
    op.create_index(
        "uq_refreshes_started",
        "refreshes",
        ["ingestion_id"],
        unique=True,
        postgresql_where=sa.text("status = 'started'"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ingestion_id", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("retry_of", sa.String(length=36), nullable=True),
        sa.Column("files_discovered", sa.BigInteger(), nullable=False),
        sa.Column("files_skipped", sa.BigInteger(), nullable=False),
        sa.Column("files_processed", sa.BigInteger(), nullable=False),
        sa.Column("files_succeeded", sa.BigInteger(), nullable=False),
        sa.Column("files_failed", sa.BigInteger(), nullable=False),
        sa.Column("records_ingested", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("bytes_written", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("error_count", sa.BigInteger(), nullable=False),
        sa.Column("errors", JSONB(), nullable=True),
        sa.Column("spark_job_id", sa.Text(), nullable=True),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name=op.f("fk_runs_ingestion_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["retry_of"], ["runs.id"], name=op.f("fk_runs_retry_of"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_ingestion_id", "runs", ["ingestion_id", "started_at"], unique=False)
    op.create_index(
        "ix_runs_waiting", "runs", ["started_at"], unique=False, postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(
        "uq_runs_running", "runs", ["ingestion_id"], unique=True, postgresql_where=sa.text("status = 'running'")
    )
    op.create_table(
        "schema_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ingestion_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("schema_json", JSONB(), nullable=False),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("affected_files", JSONB(), nullable=True),
        sa.Column("resolution_type", sa.String(length=16), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name=op.f("fk_schema_versions_ingestion_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_versions")),
        sa.UniqueConstraint("ingestion_id", "version", name="uq_schema_versions_ingestion_id_version"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ingestion_id", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("recipients", JSONB(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name=op.f("fk_alerts_ingestion_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_alerts_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("run_id", "kind", name="uq_alerts_run_id_kind"),
    )
    op.create_table(
        "processed_files",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ingestion_id", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("file_path", sa.Text(), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("file_modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_etag", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("discovered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records_ingested", sa.BigInteger(), nullable=True),
        sa.Column("records_quarantined", sa.BigInteger(), nullable=True),
        sa.Column("bytes_read", sa.BigInteger(), nullable=True),
        sa.Column("bytes_written", sa.BigInteger(), nullable=True),
        sa.Column("processing_duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("retry_count", sa.Integer(), nullable=False),
        sa.Column("table_uuid", sa.Text(), nullable=True),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("replaced_by", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name=op.f("fk_processed_files_ingestion_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["processed_files.id"], name=op.f("fk_processed_files_replaced_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_processed_files_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processed_files")),
        sa.UniqueConstraint(
            "ingestion_id",
            "file_path",
            "file_etag",
            "file_size_bytes",
            name="uq_processed_files_version",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_processed_files_file_path", "processed_files", ["file_path"], unique=False)
    op.create_index(
        "ix_processed_files_ingestion_id_status", "processed_files", ["ingestion_id", "status"], unique=False
    )
    op.create_index("ix_processed_files_run_id", "processed_files", ["run_id"], unique=False)
    op.create_index(
        "ix_processed_files_status_processed_at", "processed_files", ["status", "processed_at"], unique=False
    )
    op.create_table(
        "run_files",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("file_id", sa.String(length=36), nullable=False),
        sa.Column("file_path", sa.Text(), nullable=False),
        sa.Column("file_etag", sa.Text(), nullable=True),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("records_ingested", sa.BigInteger(), nullable=False),
        sa.Column("records_quarantined", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("bytes_written", sa.BigInteger(), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_files_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "file_id", name=op.f("pk_run_files")),
    )
    op.create_index("ix_run_files_file_id", "run_files", ["file_id"], unique=False)
