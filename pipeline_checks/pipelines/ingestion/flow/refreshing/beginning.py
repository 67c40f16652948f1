"""The beginning of a refresh: all that it needs is looked at first; only then is something done."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.conflicts import not_active
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.jobs import source_of
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, Refresh
from pipeline_checks.pipelines.ingestion.flow.refreshing.impact import Impact, Mode, impact_of
from pipeline_checks.pipelines.ingestion.flow.running.discovery import since
from pipeline_checks.pipelines.ingestion.flow.running.records import database_time, known_files
from pipeline_checks.pipelines.ingestion.flow.running.starting import RUNNABLE, held, refuse_while_busy
from pipeline_checks.pipelines.ingestion.flow.settings import Settings


@dataclass(frozen=True)
class Wish:
    """A refresh that somebody asks for."""

    ingestion_id: str
    mode: Mode
    auto_run: bool
    user_id: str


def looked_at(
    database: Database, engines: Engines, vault: Vault, settings: Settings, wish: Wish
) -> tuple[Ingestion, Impact] | None:
    """Return the ingestion and what the refresh means for it; None when the ingestion is gone. Nothing is changed.

    Raises StateConflict when the ingestion is busy or would not run, EngineError when source or cluster do not answer.
    """
    with database.session() as session:
        ingestion = _fit(session, wish)
        known = known_files(session, wish.ingestion_id) if ingestion is not None else []
    if ingestion is None:
        return None
    listed = list_files(source_of(ingestion, vault, settings))
    start = ingestion.backfill_start_date if ingestion.backfill_enabled else None
    with engines.of(ingestion.cluster_id) as engine:
        engine.probe()
    return ingestion, impact_of(wish.mode, since(listed, start), known)


def begun(database: Database, wish: Wish, impact: Impact, refresh_id: str) -> bool:
    """Write down that the refresh begins, as long as nothing stands against it; return whether the ingestion exists.

    Raises StateConflict.
    """
    with database.session() as session:
        if _fit(session, wish) is None:
            return False
        session.add(
            Refresh(
                id=refresh_id,
                ingestion_id=wish.ingestion_id,
                mode=wish.mode,
                auto_run=wish.auto_run,
                status="started",
                requested_by=wish.user_id,
                requested_at=database_time(session),
                operations=[],
                impact=impact.to_json(),
            )
        )
    return True


def new_id() -> str:
    """Return the id of a refresh."""
    return str(uuid4())


def _fit(session: Session, wish: Wish) -> Ingestion | None:
    ingestion = held(session, wish.ingestion_id)
    if ingestion is None:
        return None
    refuse_while_busy(session, ingestion.id)
    if wish.auto_run and ingestion.status not in RUNNABLE:
        raise not_active(ingestion.status)
    return ingestion
