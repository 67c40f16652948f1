"""The steps of a refresh. Each can be taken again, so that one that was interrupted is seen through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from pipeline_checks.pipelines.ingestion.flow.conflicts import StateConflict
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.jobs import table_of
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, ProcessedFile, Refresh
from pipeline_checks.pipelines.ingestion.flow.refreshing.impact import TRIGGER, steps_of
from pipeline_checks.pipelines.ingestion.flow.running.records import database_time
from pipeline_checks.pipelines.ingestion.flow.running.starting import begin_run, held

_log = logging.getLogger(__name__)
MANUAL: Final = "manual"
Step = Callable[[Database, Engines, str], None]


class StepFailed(Exception):
    """A step that could not be taken; what stands before it is done."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@contextmanager
def lock(database: Database, refresh_id: str) -> Iterator[bool]:
    """Hold the right to carry a refresh out, for as long as this connection lives; give whether it was to be had."""
    key = sa.func.hashtextextended(refresh_id, 0)
    with database.engine.connect() as connection:
        held_now = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
        connection.commit()
        try:
            yield held_now
        finally:
            if held_now:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                connection.commit()


def perform(database: Database, engines: Engines, refresh_id: str) -> Refresh:
    """Take the steps that are not taken yet, write each down, and return the refresh as it ended.

    Behind a step that fails the others are skipped.
    """
    with database.session() as session:
        refresh = session.get_one(Refresh, refresh_id)
    taken = {o["operation"] for o in refresh.operations if o["status"] == "success"}
    problem: StepFailed | None = None
    for step in steps_of(refresh.mode, refresh.auto_run):
        if step in taken:
            continue
        if problem is not None:
            _note(database, refresh_id, step, "skipped", {})
            continue
        try:
            _STEPS[step](database, engines, refresh_id)
        except StepFailed as failed:
            problem = failed
            _log.warning("refresh %s: %s failed: %s", refresh_id, step, failed.message)
            _note(database, refresh_id, step, "failed", {}, failed)
    with database.session() as session:
        refresh = session.get_one(Refresh, refresh_id)
        refresh.status = "completed" if problem is None else "partial_failure"
        refresh.completed_at = database_time(session)
    return refresh


def _drop(database: Database, engines: Engines, refresh_id: str) -> None:
    with database.session() as session:
        ingestion = session.get_one(Ingestion, session.get_one(Refresh, refresh_id).ingestion_id)
    table = table_of(ingestion)
    try:
        with engines.of(ingestion.cluster_id) as engine:
            result = engine.drop_table(table)
    except EngineError as problem:
        raise StepFailed("TABLE_DROP_FAILED", str(problem)) from None
    details: dict[str, Any] = {"table_name": str(table), "existed": result.existed}
    details |= {"files_removed": result.files_removed, "orphans": list(result.orphans)}
    _note(database, refresh_id, "table_dropped", "success", details)


def _clear(database: Database, engines: Engines, refresh_id: str) -> None:
    with database.session() as session:
        refresh = session.get_one(Refresh, refresh_id)
        try:
            with session.begin_nested():
                cleared = clear_files(session, refresh.ingestion_id)
        except sa.exc.IntegrityError as problem:
            raise StepFailed("FILE_CLEAR_FAILED", type(problem).__name__) from None
        details = {"files_cleared": cleared}
        _add(session, refresh, "processed_files_cleared", "success", details)


def _trigger(database: Database, engines: Engines, refresh_id: str) -> None:
    with database.session() as session:
        refresh = session.get_one(Refresh, refresh_id)
        ingestion = held(session, refresh.ingestion_id)
        if ingestion is None:
            raise StepFailed("RUN_TRIGGER_FAILED", "the ingestion is gone")
        try:
            run_id = begin_run(session, ingestion, MANUAL, refresh_id=refresh_id)
        except StateConflict as conflict:
            raise StepFailed("RUN_TRIGGER_FAILED", conflict.message) from None
        refresh.run_id = run_id
        details = {"run_id": run_id, "run_url": f"/api/v1/ingestions/{ingestion.id}/runs/{run_id}"}
        _add(session, refresh, TRIGGER, "success", details)


def clear_files(session: sa.orm.Session, ingestion_id: str) -> int:
    """Forget all files of an ingestion; return how many."""
    gone = session.execute(
        sa.delete(ProcessedFile).where(ProcessedFile.ingestion_id == ingestion_id).returning(ProcessedFile.id)
    )
    return len(gone.all())


def _note(
    database: Database,
    refresh_id: str,
    step: str,
    status: str,
    details: dict[str, Any],
    failed: StepFailed | None = None,
) -> None:
    with database.session() as session:
        _add(session, session.get_one(Refresh, refresh_id), step, status, details, failed)


def _add(
    session: sa.orm.Session,
    refresh: Refresh,
    step: str,
    status: str,
    details: dict[str, Any],
    failed: StepFailed | None = None,
) -> None:
    entry = {
        "operation": step,
        "status": status,
        "timestamp": database_time(session).isoformat(),
        "details": details,
        "error": failed.message if failed else None,
        "error_code": failed.code if failed else None,
    }
    refresh.operations = [*refresh.operations, entry]


_STEPS: Final[dict[str, Step]] = {"table_dropped": _drop, "processed_files_cleared": _clear, TRIGGER: _trigger}
