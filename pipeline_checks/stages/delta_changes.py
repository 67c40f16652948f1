"""Whether the log of a Delta table has changed, told without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.lake import storage_options, translated


@dataclass(frozen=True)
class LogState:
    """What differs when a log has changed.

    ``identity`` is of the log's folder: it differs when the table was removed and made anew. Where ``is_exact``, the
    log is the same as long as the state is; else that it is there is all that is told.
    """

    identity: str
    changed_ns: int
    is_exact: bool


def log_state(uri: str) -> LogState | None:
    """Return the state of a table's log; None where there is no table."""
    folder = _local(uri)
    if folder is None:
        from deltalake import DeltaTable

        with translated(f"looking for the Delta table {uri}"):
            there = DeltaTable.is_deltatable(uri, storage_options=storage_options(uri))
        return LogState(uri, 0, False) if there else None
    try:
        status = (folder / "_delta_log").stat()
    except OSError:
        return None
    return LogState(f"{status.st_dev}/{status.st_ino}", status.st_mtime_ns, True)


def _local(uri: str) -> Path | None:
    if "://" not in uri:
        return Path(uri)
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
