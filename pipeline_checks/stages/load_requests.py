"""Requests to an API that tells of the files which a service loads: its answers as what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.loading import Loads
from pipeline_checks.stages.http_pages import ApiClient
from pipeline_checks.stages.load_words import file_of, run_of, schema_of

if TYPE_CHECKING:
    from pipeline_checks.stages.load_api import LoadApi

_FILES, _RUNS = 1000, 1000
"""Files of a page, and runs that are asked for."""
_CONFLICT = 409
_PREVIEWED = ("files_to_process", "files_skipped", "estimated_bytes")


def ask_loads(api: ApiClient, declared: LoadApi, name: str, asked_at: datetime) -> Loads:
    """Return what the API tells of the ingestion called ``name``; raises TerminalError unless there is just one."""
    found = [i for i in _list(api, f"{declared.base}/ingestions") if i.get("name") == name]
    if len(found) != 1:
        raise TerminalError(
            f"the API knows {len(found)} ingestions called {name!r}.",
            next_step="See that the token is of the tenant that has it." if not found else "Give them other names.",
            absent=not found,
        )
    identity = str(found[0]["id"])
    place = f"{declared.base}/ingestions/{identity}"
    runs = [run_of(run) for run in _list(api, f"{place}/runs", days=declared.days, limit=_RUNS)]
    schemas = sorted(map(schema_of, _list(api, f"{place}/schema-versions")), key=lambda one: one.version)
    return Loads(
        ingestion_id=identity,
        taken_at=asked_at,
        runs=tuple(sorted(runs, key=lambda run: (run.started_at, run.id))),
        files=tuple(sorted(map(file_of, _files(api, f"{place}/processed-files")), key=lambda file: file.version)),
        runs_since=min(run.started_at for run in runs) if len(runs) == _RUNS else None,
        schema_version=int((found[0].get("metadata") or found[0]).get("schema_version") or 1),
        schemas=tuple(schemas),
        preview=_preview(api, f"{place}/refresh/full") if declared.view == "table" else None,
    )


def _list(api: ApiClient, path: str, **params: Any) -> list[dict[str, Any]]:
    document, _ = api.get(path, params or None)
    if not isinstance(document, list):
        raise TerminalError(f"GET {path} answered no list.")
    return document


def _files(api: ApiClient, path: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        document, _ = api.get(path, {"limit": _FILES} | ({} if cursor is None else {"cursor": cursor}))
        if not isinstance(document, dict) or not isinstance(document.get("items"), list):
            raise TerminalError(f"GET {path} answered no items.")
        yield from document["items"]
        cursor = document.get("next_cursor")
        if cursor is None:
            return


def _preview(api: ApiClient, path: str) -> dict[str, int] | None:
    """What a refresh of everything would load; nothing is changed by asking. None while none may be made."""
    try:
        document, _ = api.post(path, {"dry_run": True, "confirm": True, "auto_run": False})
    except TerminalError as problem:
        if problem.data.get("status") == _CONFLICT:
            return None
        raise
    impact = document.get("impact") if isinstance(document, dict) else None
    if not isinstance(impact, dict):
        raise TerminalError(f"POST {path} answered no impact.")
    return {name: int(impact[name]) for name in _PREVIEWED if impact.get(name) is not None}
