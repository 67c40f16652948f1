"""What a service says of its loads, in the names of its tables or of its API's documents, in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.loading import FileLoad, LoadRun, RunFile, SchemaChange, normal_path

COUNTS: Final = (
    *("files_discovered", "files_skipped", "files_processed", "files_succeeded", "files_failed"),
    *("records_ingested", "bytes_read", "bytes_written", "error_count"),
)
"""The numbers of a run."""


def run_of(told: Mapping[str, Any], lease: float = 0.0) -> LoadRun:
    """Return a run; its numbers may stand below ``metrics``.

    Where it does not say until when it counts as alive, that is ``lease`` seconds from its last sign of life.
    """
    told = {**told, **(told.get("metrics") or {})}
    heard = instant(told.get("heartbeat_at")) or _moment(told, "started_at")
    until = instant(told.get("lease_expires_at")) or heard + timedelta(seconds=lease)
    return LoadRun(
        id=_text(told, "id"),
        status=_text(told, "status"),
        trigger=_text(told, "trigger"),
        started_at=_moment(told, "started_at"),
        ended_at=instant(told.get("ended_at")),
        lease_until=until,
        counts={name: int(told[name]) for name in COUNTS if told.get(name) is not None},
        errors=tuple(dict(error) for error in told.get("errors") or ()),
    )


def file_of(told: Mapping[str, Any]) -> FileLoad:
    """Return what is said of one version of a file."""
    return FileLoad(
        path=normal_path(_text(told, "file_path")),
        etag=str(told.get("file_etag") or "").strip('"'),
        size=-1 if told.get("file_size_bytes") is None else int(told["file_size_bytes"]),
        status=_text(told, "status"),
        run_id=told.get("run_id"),
        modified=instant(told.get("file_modified_at")),
        processing_started_at=instant(told.get("processing_started_at")),
        processed_at=instant(told.get("processed_at")),
        records=_number(told.get("records_ingested")),
        quarantined=_number(told.get("records_quarantined")) or 0,
        bytes_read=_number(told.get("bytes_read")),
        retries=_number(told.get("retry_count")) or 0,
        error_type=told.get("error_type"),
        error_message=told.get("error_message"),
        table_uuid=told.get("table_uuid"),
        snapshot_id=_number(told.get("snapshot_id")),
        is_replaced=bool(told.get("replaced_by")),
    )


def run_file_of(told: Mapping[str, Any]) -> RunFile:
    """Return what a run did with a file."""
    return RunFile(
        run_id=_text(told, "run_id"),
        path=normal_path(_text(told, "file_path")),
        etag=str(told.get("file_etag") or "").strip('"'),
        status=_text(told, "status"),
        records=_number(told.get("records_ingested")) or 0,
        bytes_read=_number(told.get("bytes_read")) or 0,
        error_type=told.get("error_type"),
    )


def schema_of(told: Mapping[str, Any]) -> SchemaChange:
    """Return one version of the table's fields: a list of ``name`` and ``data_type``."""
    fields = told.get("schema_json") or told.get("schema") or ()
    if isinstance(fields, str):
        fields = json.loads(fields)
    if isinstance(fields, Mapping):
        fields = fields.get("fields") or ()
    named = {str(f["name"]): str(f.get("data_type") or f.get("type")) for f in fields}
    return SchemaChange(int(told["version"]), named)


def instant(value: Any) -> datetime | None:
    """Return a moment written in ISO 8601 as one of UTC; None for none. Without a zone it is taken as UTC."""
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _moment(told: Mapping[str, Any], name: str) -> datetime:
    found = instant(told.get(name))
    if found is None:
        raise TerminalError(f"a run has no {name!r}.")
    return found


def _text(told: Mapping[str, Any], name: str) -> str:
    if told.get(name) is None:
        raise TerminalError(f"what is told of the loads lacks {name!r}.")
    return str(told[name])


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
