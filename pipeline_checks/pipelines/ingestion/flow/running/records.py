"""What a run writes down of files: discovered, being processed, loaded, failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, LoadResult
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import ProcessedFile, RunFile
from pipeline_checks.pipelines.ingestion.flow.running.discovery import Known, Task

_NOW: Final = sa.func.clock_timestamp()
_AT_ONCE: Final = 1_000
"""Rows of one statement: a driver takes no more than 65,535 parameters."""
_LONGEST: Final = 2_000
"""Characters of a message that are kept."""


def known_files(session: Session, ingestion_id: str) -> list[Known]:
    """Return all records of an ingestion."""
    f = ProcessedFile
    rows = session.execute(
        sa.select(
            *(f.id, f.run_id, f.file_path, f.file_etag, f.file_size_bytes, f.file_modified_at),
            *(f.status, f.error_type, f.retry_count, f.last_seen_at, f.replaced_by),
        ).where(f.ingestion_id == ingestion_id)
    )
    return [
        Known(
            row[0],
            row[1],
            FileVersion(row[2], row[3], row[4], row[5]),
            row[6],
            row[7],
            row[8],
            row[9],
            row[10] is not None,
        )
        for row in rows
    ]


def discovered(session: Session, ingestion_id: str, run_id: str, tasks: Sequence[Task]) -> list[tuple[str, Task]]:
    """Write down the versions that are new and return every task with the id of its record.

    Whoever writes the same version first has it: the other gets that record.
    """
    new = [t.file for t in tasks if t.known is None]
    now = database_time(session)
    for start in range(0, len(new), _AT_ONCE):
        rows = [_row(ingestion_id, run_id, file, now) for file in new[start : start + _AT_ONCE]]
        session.execute(insert(ProcessedFile).on_conflict_do_nothing(constraint="uq_processed_files_version"), rows)
    if not new:
        return [(t.known.id, t) for t in tasks if t.known is not None]
    f = ProcessedFile
    ids = {
        (row[1], row[2], row[3]): row[0]
        for row in session.execute(
            sa.select(f.id, f.file_path, f.file_etag, f.file_size_bytes).where(
                f.ingestion_id == ingestion_id, f.status == "DISCOVERED"
            )
        )
    }
    return [(t.known.id if t.known is not None else ids[t.file.path, t.file.etag, t.file.size], t) for t in tasks]


def seen_again(session: Session, ids: Sequence[str]) -> None:
    """Write down that versions were seen with a newer time of modification."""
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        session.execute(sa.update(ProcessedFile).where(ProcessedFile.id.in_(part)).values(last_seen_at=_NOW))


def processing(session: Session, run_id: str, file_id: str, task: Task) -> None:
    """Write down that a file is being processed; one that had failed before is tried once more."""
    retried = 1 if task.known is not None and task.known.status == "FAILED" else 0
    session.execute(
        sa.update(ProcessedFile)
        .where(ProcessedFile.id == file_id)
        .values(
            status="PROCESSING",
            run_id=run_id,
            processing_started_at=_NOW,
            processed_at=None,
            updated_at=_NOW,
            error_type=None,
            error_message=None,
            replaced_by=None,
            retry_count=ProcessedFile.retry_count + retried,
        )
    )
    row = {
        "run_id": run_id,
        "file_id": file_id,
        "file_path": task.file.path,
        "file_etag": task.file.etag,
        "file_size_bytes": task.file.size,
        "status": "PROCESSING",
        "started_at": _NOW,
    }
    # A worker that goes on with a run that was released may meet a file that the first one had begun.
    begun = {"status": "PROCESSING", "started_at": _NOW, "ended_at": None, "error_type": None, "error_message": None}
    session.execute(insert(RunFile).values(row).on_conflict_do_update(constraint="pk_run_files", set_=begun))


def loaded(session: Session, run_id: str, file_id: str, task: Task, result: LoadResult) -> None:
    """Write down that a file is in the table, and that the version it replaced is not."""
    counts: dict[str, Any] = {
        "records_ingested": result.records_ingested,
        "records_quarantined": result.records_quarantined,
        "bytes_read": result.bytes_read,
        "bytes_written": result.bytes_written,
    }
    session.execute(
        sa.update(ProcessedFile)
        .where(ProcessedFile.id == file_id)
        .values(
            status="SUCCESS",
            processed_at=_NOW,
            updated_at=_NOW,
            processing_duration_ms=_milliseconds(),
            table_uuid=result.table_uuid,
            snapshot_id=result.snapshot_id,
            **counts,
        )
    )
    _ended(session, run_id, file_id, status="SUCCESS", **counts)
    if task.old is not None:
        session.execute(
            sa.update(ProcessedFile).where(ProcessedFile.id == task.old.id).values(replaced_by=file_id, updated_at=_NOW)
        )


def failed(session: Session, run_id: str, file_id: str, error_type: str, message: str) -> None:
    """Write down that a file is not in the table, and why."""
    text = message[:_LONGEST].replace("\x00", "")
    session.execute(
        sa.update(ProcessedFile)
        .where(ProcessedFile.id == file_id)
        .values(
            status="FAILED",
            processed_at=_NOW,
            updated_at=_NOW,
            processing_duration_ms=_milliseconds(),
            error_type=error_type,
            error_message=text,
        )
    )
    _ended(session, run_id, file_id, status="FAILED", error_type=error_type, error_message=text)


def failed_ids(session: Session, run_id: str) -> set[str]:
    """Return the files that a run could not load and that still are not."""
    return set(
        session.scalars(
            sa.select(ProcessedFile.id)
            .join(RunFile, RunFile.file_id == ProcessedFile.id)
            .where(RunFile.run_id == run_id, RunFile.status == "FAILED", ProcessedFile.status == "FAILED")
        )
    )


def ended_in(session: Session, run_id: str) -> set[str]:
    """Return the files that a run is done with."""
    done = sa.select(RunFile.file_id).where(RunFile.run_id == run_id, RunFile.ended_at.is_not(None))
    return set(session.scalars(done))


def begun_in(session: Session, run_id: str) -> set[str]:
    """Return the files that a run has begun with."""
    return set(session.scalars(sa.select(RunFile.file_id).where(RunFile.run_id == run_id)))


def database_time(session: Session) -> datetime:
    """Return the time of the clock that all workers share."""
    now: datetime = session.execute(sa.select(_NOW)).scalar_one()
    return now


def _ended(session: Session, run_id: str, file_id: str, **values: Any) -> None:
    session.execute(
        sa.update(RunFile).where(RunFile.run_id == run_id, RunFile.file_id == file_id).values(ended_at=_NOW, **values)
    )


def _milliseconds() -> sa.ColumnElement[int]:
    since = sa.func.coalesce(ProcessedFile.processing_started_at, _NOW)
    return sa.cast(sa.extract("epoch", _NOW - since) * 1000, sa.BigInteger)


def _row(ingestion_id: str, run_id: str, file: FileVersion, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "ingestion_id": ingestion_id,
        "run_id": run_id,
        "file_path": file.path,
        "file_size_bytes": file.size,
        "file_modified_at": file.modified,
        "file_etag": file.etag,
        "status": "DISCOVERED",
        "discovered_at": now,
        "last_seen_at": now,
        "retry_count": 0,
        "created_at": now,
        "updated_at": now,
    }
