"""The end of a run: its counts are the sums over what it did with each file, and its state follows from them."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Alert, Ingestion, Run, RunFile

CHANGED: Final = "FILE_CHANGED"
LEASE_EXPIRED: Final = "LEASE_EXPIRED"
LOW_ROWS: Final = "row_count_below_threshold"
FAILURES_TO_ERROR: Final = 3
"""An active ingestion whose runs failed so often in a row does not run again before somebody resumes it."""


def run_state(succeeded: int, failed: int, *, only_changes: bool, run_level_error: bool) -> str:
    """Return how a run ended.

    ``only_changes``: whether every file that failed is one that was changed under its path, which is reported and no
    failure to load.

    >>> run_state(0, 0, only_changes=True, run_level_error=False), run_state(2, 1, only_changes=False, \
        run_level_error=False), run_state(0, 3, only_changes=False, run_level_error=False)
    ('success', 'partial', 'failed')
    """
    if run_level_error:
        return "failed"
    if not failed:
        return "success"
    return "partial" if succeeded or only_changes else "failed"


def error_entry(file: str, error_type: str, message: str, timestamp: str) -> dict[str, str]:
    """Return an error of a run as it is stored; ``file`` is empty for one of the run itself."""
    return {"file": file, "error_type": error_type, "message": message, "timestamp": timestamp}


def tally(session: Session, run: Run) -> None:
    """Set the counts of a run from its files, so that they are right while it goes on as well."""
    done, failed = RunFile.status == "SUCCESS", RunFile.status == "FAILED"
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in _SUMMED]
    row = session.execute(
        sa.select(sa.func.count().filter(done), sa.func.count().filter(failed), *sums).where(RunFile.run_id == run.id)
    ).one()
    run.files_succeeded, run.files_failed = row[0], row[1]
    run.files_processed = run.files_succeeded + run.files_failed
    run.records_ingested, run.bytes_read, run.bytes_written = (int(value) for value in row[2:])


_SUMMED: Final = (RunFile.records_ingested, RunFile.bytes_read, RunFile.bytes_written)


def close_run(session: Session, run: Run, run_errors: list[dict[str, str]]) -> None:
    """End a run: counts, errors, state, what its ingestion remembers of it, and the alert that it may raise."""
    now = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    tally(session, run)
    failed = session.scalars(
        sa.select(RunFile).where(RunFile.run_id == run.id, RunFile.status == "FAILED").order_by(RunFile.file_path)
    ).all()
    errors = [
        error_entry(f.file_path, f.error_type or "", f.error_message or "", (f.ended_at or now).isoformat())
        for f in failed
    ]
    run.errors = [*errors, *run_errors] or None
    run.error_count = len(run.errors or ())
    only_changes = all(f.error_type == CHANGED for f in failed)
    run.status = run_state(
        run.files_succeeded, run.files_failed, only_changes=only_changes, run_level_error=bool(run_errors)
    )
    run.ended_at = now
    run.duration_seconds = (now - run.started_at).total_seconds()
    run.lease_expires_at = None
    ingestion = session.get_one(Ingestion, run.ingestion_id, with_for_update={"key_share": True})
    ingestion.last_run_id, ingestion.last_run_time = run.id, now
    session.flush()
    _raise_alert(session, ingestion, run, now)
    if ingestion.status == "active" and _keeps_failing(session, ingestion.id):
        ingestion.status, ingestion.next_run_time = "error", None


def _raise_alert(session: Session, ingestion: Ingestion, run: Run, now: Any) -> None:
    threshold = ingestion.row_count_threshold
    if threshold is None or not ingestion.alerts_enabled or run.records_ingested >= threshold:
        return
    session.add(
        Alert(
            id=str(uuid4()),
            ingestion_id=ingestion.id,
            run_id=run.id,
            kind=LOW_ROWS,
            message=f"run {run.id} of {ingestion.name} ingested {run.records_ingested} rows, below {threshold}",
            threshold=threshold,
            seen=run.records_ingested,
            recipients=ingestion.alert_recipients,
            raised_at=now,
        )
    )


def _keeps_failing(session: Session, ingestion_id: str) -> bool:
    """Whether the last runs all failed; one whose worker died tells nothing of the ingestion."""
    died = sa.func.coalesce(Run.errors[0]["error_type"].astext, "") == LEASE_EXPIRED
    last = session.scalars(
        sa.select(Run.status)
        .where(Run.ingestion_id == ingestion_id, Run.ended_at.is_not(None), ~died)
        .order_by(Run.ended_at.desc())
        .limit(FAILURES_TO_ERROR)
    ).all()
    return len(last) == FAILURES_TO_ERROR and set(last) == {"failed"}
