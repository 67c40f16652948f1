"""What the routes answer from, and what they share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.conflicts import StateConflict
from pipeline_checks.pipelines.ingestion.flow.cost import Prices
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError, not_found
from pipeline_checks.pipelines.ingestion.flow.settings import Identity, Settings

_ID: Final = re.compile(r"ing_[0-9a-f]{12}")
_RUN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STATUS_OF: Final = {"SOURCE_UNAVAILABLE": 502, "CLUSTER_UNAVAILABLE": 503}
_OTHERWISE: Final = 422


@dataclass(frozen=True)
class Context:
    """The service: its settings, metadata, engines and keys; ``caller`` tells who asks, ``now`` the time."""

    settings: Settings
    database: Database
    engines: Engines
    vault: Vault
    caller: Callable[..., Identity]
    now: Callable[[], datetime]

    @property
    def prices(self) -> Prices:
        """What costs are computed with."""
        s = self.settings
        return Prices(s.cost_per_dbu_hour, s.storage_cost_per_gb, s.list_operation_cost_per_1000)


def owned(session: Session, identity: Identity, ingestion_id: str, *, hold: bool = False) -> Ingestion:
    """Return an ingestion of the caller's tenant, held where it is to be changed.

    Raises ApiError 404 when there is none: that another tenant has one is not told.
    """
    found = None
    if _ID.fullmatch(ingestion_id):
        query = sa.select(Ingestion).where(Ingestion.id == ingestion_id, Ingestion.tenant_id == identity.tenant_id)
        found = session.scalars(query.with_for_update(key_share=True) if hold else query).one_or_none()
    if found is None:
        raise not_found("Ingestion", printable(ingestion_id))
    return found


def run_id_or_404(run_id: str) -> str:
    """Return the id of a run; raises ApiError 404 for a text that is none."""
    if not _RUN_ID.fullmatch(run_id):
        raise not_found("Run", printable(run_id))
    return run_id


def printable(text: str) -> str:
    """Return text that can be written into an answer."""
    return text.encode("utf-8", "replace").decode()[:100]


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what cannot be done into refusals: conflicts into 409, the engine's errors into what they mean."""
    try:
        yield
    except StateConflict as conflict:
        more = {"current_run_id": conflict.current_run_id} if conflict.current_run_id else {}
        raise ApiError(409, conflict.code, conflict.message, help=conflict.help, **more) from None
    except EngineError as problem:
        status = _STATUS_OF.get(problem.error_type, _OTHERWISE)
        raise ApiError(status, problem.error_type, problem.message, help=problem.next_step) from None
