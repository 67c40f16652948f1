"""An ingestion's rows in the service's own tables, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from pipeline_checks.clients.object_store import ListedObject

NOW = datetime.now(UTC)
"""The time of the rows, near enough to that of the test."""


class Ledger:
    """One ingestion of a name that nobody else has."""

    def __init__(self, url: str, bucket: str, prefix: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self.name = f"events {uuid4().hex[:8]}"
        self.id = f"ing_{uuid4().hex[:12]}"
        self._bucket = bucket
        self._insert(
            "ingestions",
            {
                "id": self.id,
                "tenant_id": "t",
                "name": self.name,
                "status": "draft",
                "cluster_id": "c",
                "source_type": "s3",
                "source_path": f"s3://{bucket}/{prefix}",
                "source_file_pattern": "*.json",
                "on_change": "report",
                "format_type": "json",
                "bad_records": "fail_file",
                "schema_inference": "auto",
                "schema_evolution_enabled": True,
                "destination_catalog": "test_catalog",
                "destination_database": "lake",
                "destination_table": "events",
                "write_mode": "append",
                "partitioning_enabled": False,
                "partitioning_columns": Jsonb([]),
                "z_ordering_enabled": False,
                "z_ordering_columns": Jsonb([]),
                "schedule_timezone": "UTC",
                "backfill_enabled": False,
                "alerts_enabled": False,
                "alert_recipients": Jsonb([]),
                "checkpoint_location": "",
                "schema_version": 1,
                "created_at": NOW,
                "updated_at": NOW,
                "created_by": "u",
            },
        )

    def run(self, files: Mapping[ListedObject, Mapping[str, Any]], **more: Any) -> str:
        """Write a run down that did this with its files: columns of ``processed_files`` by object."""
        identity = str(uuid4())
        started = max((file.modified for file in files), default=NOW) + timedelta(seconds=2)
        rows = [{**_file(file, started, identity), **told} for file, told in files.items()]
        loaded = [row for row in rows if row["status"] == "SUCCESS"]
        failed = [row for row in rows if row["status"] == "FAILED"]
        errors = [{"file": self.path(f), "error_type": f["error_type"], "message": "", "timestamp": ""} for f in failed]
        state = "success" if not failed else "partial" if loaded else "failed"
        ended = None if more.get("status") == "running" else started + timedelta(seconds=2)
        self._insert(
            "runs",
            {
                "id": identity,
                "ingestion_id": self.id,
                "started_at": started,
                "ended_at": ended,
                "status": state,
                "trigger": "manual",
                "files_discovered": len(rows),
                "files_skipped": 0,
                "cluster_id": "c",
                "files_processed": len(rows),
                "files_succeeded": len(loaded),
                "files_failed": len(failed),
                "records_ingested": sum(row["records_ingested"] or 0 for row in loaded),
                "bytes_read": sum(row["bytes_read"] or 0 for row in rows),
                "bytes_written": 0,
                "duration_seconds": 2.0,
                "error_count": len(errors),
                "errors": Jsonb(errors or None),
                **more,
            },
        )
        for row in rows:
            self._insert("processed_files", {**row, "file_path": self.path(row), "ingestion_id": self.id})
            told = {name: row[name] for name in ("file_etag", "file_size_bytes", "status", "error_type", "bytes_read")}
            times = {"started_at": started, "ended_at": ended, "bytes_written": 0, "records_quarantined": 0}
            counts = {"records_ingested": row["records_ingested"] or 0, "bytes_read": row["bytes_read"] or 0}
            ids = {"run_id": identity, "file_id": row["id"], "file_path": self.path(row)}
            self._insert("run_files", {**told, **times, **counts, **ids})
        return identity

    def path(self, row: Mapping[str, Any]) -> str:
        """Return the path of a file as the service writes it."""
        return f"s3://{self._bucket}/{row['file_path']}"

    def change(self, table: str, **values: Any) -> None:
        """Set columns of all rows of the ingestion in a table."""
        names = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
        column = "id" if table == "ingestions" else "ingestion_id"
        statement = sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(
            sql.Identifier(table), names, sql.Identifier(column)
        )
        self._connection.execute(statement, (*values.values(), self.id))

    def forget(self, file: ListedObject) -> None:
        """Remove what is known of a file."""
        self._connection.execute(
            "DELETE FROM processed_files WHERE ingestion_id = %s AND file_path = %s",
            (self.id, f"s3://{self._bucket}/{file.key}"),
        )

    def add(self, table: str, **values: Any) -> None:
        """Write a row of the ingestion."""
        self._insert(table, {"id": str(uuid4()), "ingestion_id": self.id, **values})

    def close(self) -> None:
        """Remove all of it."""
        self._connection.execute("DELETE FROM ingestions WHERE id = %s", (self.id,))
        self._connection.close()

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(row))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
        self._connection.execute(statement, tuple(row.values()))


def _file(file: ListedObject, started: datetime, run: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "run_id": run,
        "file_path": file.key,
        "file_size_bytes": file.size,
        "file_modified_at": file.modified,
        "file_etag": file.etag,
        "status": "SUCCESS",
        "discovered_at": started,
        "last_seen_at": started,
        "processing_started_at": started,
        "processed_at": started + timedelta(seconds=1),
        "records_ingested": None,
        "bytes_read": file.size,
        "error_type": None,
        "retry_count": 0,
        "created_at": started,
        "updated_at": started,
    }
