"""Expiring old Iceberg snapshots and removing the files that only they referred to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


def expire(table: Table, before: datetime) -> int:
    """Expire the snapshots made before an instant, except the current one; returns how many.

    The table's history keeps all later ones, so that a reader who pinned one can go on reading it.
    """
    limit = int(before.timestamp() * 1000)
    current = table.metadata.current_snapshot_id
    old = [s for s in table.metadata.snapshots if s.timestamp_ms < limit and s.snapshot_id != current]
    if not old:
        return 0
    gone = {s.snapshot_id for s in old}
    kept = [s for s in table.metadata.snapshots if s.snapshot_id not in gone]
    with table.transaction() as transaction:
        from pyiceberg.table.update.snapshot import ExpireSnapshots

        ExpireSnapshots(transaction).by_ids(sorted(gone)).commit()
    _remove_files(table.io, old, kept)
    return len(old)


def _remove_files(io: FileIO, expired: list[Snapshot], kept: list[Snapshot]) -> None:
    """Remove what expired snapshots referred to and no kept one does. A file that is gone already is no error."""
    held = {m.manifest_path: m for s in kept for m in s.manifests(io)}
    doomed = {m.manifest_path: m for s in expired for m in s.manifests(io) if m.manifest_path not in held}
    candidates: set[str] = set()
    for manifest in doomed.values():
        candidates |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(io, discard_deleted=False)}
    if candidates:
        for manifest in held.values():
            candidates -= {e.data_file.file_path for e in manifest.fetch_manifest_entry(io, discard_deleted=True)}
    lists = {s.manifest_list for s in expired if s.manifest_list}
    for path in (*candidates, *doomed, *lists):
        try:
            io.delete(path)
        except OSError:
            continue
