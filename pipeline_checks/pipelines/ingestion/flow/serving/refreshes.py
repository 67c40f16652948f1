"""Refreshes: a table is loaded anew, wholly or from files that are not yet loaded."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from pipeline_checks.pipelines.ingestion.flow.jobs import table_of
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, Refresh
from pipeline_checks.pipelines.ingestion.flow.refreshing.beginning import Wish, begun, looked_at, new_id
from pipeline_checks.pipelines.ingestion.flow.refreshing.impact import (
    TRIGGER,
    Impact,
    Mode,
    notes_of,
    steps_of,
    warnings_of,
)
from pipeline_checks.pipelines.ingestion.flow.refreshing.operations import lock, perform
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, owned, refusing
from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError, invalid, not_found
from pipeline_checks.pipelines.ingestion.flow.serving.requests import RefreshRequest
from pipeline_checks.pipelines.ingestion.flow.serving.responses import (
    NextSteps,
    PlannedOperation,
    RefreshImpact,
    RefreshOperation,
    RefreshResponse,
)
from pipeline_checks.pipelines.ingestion.flow.settings import Identity

_DONE = {"full": "Full refresh completed successfully", "new_only": "New-only refresh completed successfully"}
_PATHS = {"full": "full", "new_only": "new-only"}


def refresh_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["refreshes"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type

    @routes.post("/ingestions/{ingestion_id}/refresh/full", status_code=202)
    def full(ingestion_id: str, wanted: RefreshRequest, caller: Caller) -> RefreshResponse:
        return _refresh(context, ingestion_id, "full", wanted, caller)

    @routes.post("/ingestions/{ingestion_id}/refresh/new-only", status_code=202)
    def new_only(ingestion_id: str, wanted: RefreshRequest, caller: Caller) -> RefreshResponse:
        return _refresh(context, ingestion_id, "new_only", wanted, caller)

    return routes


def _refresh(
    context: Context, ingestion_id: str, mode: Mode, wanted: RefreshRequest, caller: Identity
) -> RefreshResponse:
    with context.database.session() as session:
        owned(session, caller, ingestion_id)
    if not (wanted.confirm or wanted.dry_run):
        raise invalid("VALIDATION_ERROR", ("body", "confirm"), "a refresh drops the table: confirm must be true", False)
    wish = Wish(ingestion_id, mode, wanted.auto_run, caller.user_id)
    with refusing():
        seen = looked_at(context.database, context.engines, context.vault, context.settings, wish)
        if seen is None:
            raise not_found("Ingestion", ingestion_id)
        ingestion, impact = seen
        if wanted.dry_run:
            return _previewed(ingestion, wish, impact, context.now())
        refresh_id = new_id()
        with lock(context.database, refresh_id):
            if not begun(context.database, wish, impact, refresh_id):
                raise not_found("Ingestion", ingestion_id)
            refresh = perform(context.database, context.engines, refresh_id)
    return _answered(ingestion, wish, impact, refresh, context.now())


def _previewed(ingestion: Ingestion, wish: Wish, impact: Impact, now: datetime) -> RefreshResponse:
    table = str(table_of(ingestion))
    steps = [
        PlannedOperation(
            operation=step,
            details={"table_name": table} if step == "table_dropped" else {"ingestion_id": ingestion.id},
        )
        for step in steps_of(wish.mode, wish.auto_run)
    ]
    path = f"/api/v1/ingestions/{ingestion.id}/refresh/{_PATHS[wish.mode]}"
    return RefreshResponse(
        status="dry_run",
        message="Preview of operations (not executed)",
        ingestion_id=ingestion.id,
        run_id=None,
        timestamp=now,
        mode=wish.mode,
        operations=[],
        impact=RefreshImpact.model_validate(impact.to_json()),
        warnings=warnings_of(wish.mode, impact),
        notes=notes_of(wish.mode, impact, table, auto_run=wish.auto_run, done=False),
        would_perform=steps,
        next_steps=NextSteps(
            to_proceed=f'POST {path} with {{"confirm": true}}', to_cancel="Nothing was changed; there is nothing to do."
        ),
    )


def _answered(ingestion: Ingestion, wish: Wish, impact: Impact, refresh: Refresh, now: datetime) -> RefreshResponse:
    failed = next((o for o in refresh.operations if o["status"] == "failed"), None)
    response = RefreshResponse(
        status="accepted" if failed is None else "partial_failure",
        message=_DONE[wish.mode] if failed is None else "Some operations failed",
        ingestion_id=ingestion.id,
        run_id=refresh.run_id,
        timestamp=now,
        mode=wish.mode,
        operations=[RefreshOperation.model_validate(o) for o in refresh.operations],
        impact=RefreshImpact.model_validate(impact.to_json()),
        warnings=warnings_of(wish.mode, impact),
        notes=notes_of(wish.mode, impact, str(table_of(ingestion)), auto_run=wish.auto_run, done=failed is None),
    )
    if failed is None:
        return response
    body = response.model_dump(mode="json", exclude={"status"})
    raise ApiError(
        500,
        "PARTIAL_FAILURE",
        f"{failed['operation']} failed: {failed['error']}",
        status="partial_failure",
        error=failed["error"],
        recovery=_recovery(ingestion, wish, failed, refresh),
        **body,
    )


def _recovery(ingestion: Ingestion, wish: Wish, failed: dict[str, Any], refresh: Refresh) -> dict[str, str]:
    """Return how things stand behind a refresh that was not seen through, and what mends it."""
    done = [o["operation"] for o in refresh.operations if o["status"] == "success"]
    if failed["operation"] == TRIGGER:
        action = f"POST /api/v1/ingestions/{ingestion.id}/run"
    else:
        action = f"POST /api/v1/ingestions/{ingestion.id}/refresh/{_PATHS[wish.mode]} again"
    state = f"done: {', '.join(done)}" if done else "nothing was changed"
    return {
        "message": f"{failed['operation']} failed; the steps behind it were skipped.",
        "action": action,
        "state": state,
    }
