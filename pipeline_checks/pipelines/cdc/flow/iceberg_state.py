"""A current state in Iceberg: files that hold changed keys are written anew, in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_checks.clients.iceberg_commits import commit_files, write_files
from pipeline_checks.pipelines.cdc.flow.covers import Covers
from pipeline_checks.pipelines.cdc.flow.iceberg_sink import IcebergTarget
from pipeline_checks.pipelines.cdc.flow.sink import BatchId, conformed

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import FileScanTask

    Keys = npt.NDArray[np.int64]

_SMALL_ROWS: Final = 5_000
"""A file of fewer rows counts as small."""
_MANY_SMALL: Final = 8
"""More small files than this are put together with the next batch."""


@dataclass
class _File:
    """A live data file and the keys in it, sorted."""

    task: FileScanTask
    keys: Keys


class IcebergState(IcebergTarget):
    """A current state in Iceberg.

    Which keys each live file holds is kept in memory, so that a batch reads and rewrites no file but those that hold
    one of its keys. Data files never change, so their keys are read once.
    """

    def __init__(self, catalog: Catalog, identifier: str, topic: str, columns: pa.Schema, key: str) -> None:
        super().__init__(catalog, identifier, topic, columns)
        self.key = key
        self._files: dict[str, _File] = {}
        self._indexed: int | None = None

    def open(self) -> None:
        super().open()
        self._index()

    def _index(self) -> None:
        """Bring the list of live files up to the table's current snapshot."""
        current = self.table.metadata.current_snapshot_id
        if current == self._indexed and current is not None:
            return
        files: dict[str, _File] = {}
        for task in self.table.scan().plan_files():
            known = self._files.get(task.file.file_path)
            if known is not None and not task.delete_files and not known.task.delete_files:
                files[task.file.file_path] = _File(task, known.keys)
            else:
                rows = self._read_files([task], [self.key])
                files[task.file.file_path] = _File(task, np.sort(_numbers(rows.column(self.key))))
        self._files, self._indexed = files, current

    def apply(
        self, upserts: pa.Table, deletes: pa.Table, truncated: int | None, covers: Covers, batch: BatchId
    ) -> None:
        self._index()
        schema = self.schema()
        upserts = conformed(upserts, schema)
        changed = np.concatenate([_numbers(upserts.column(self.key)), _numbers(deletes.column(self.key))])
        touched = [f for f in self._files.values() if truncated is not None or _overlap(f.keys, changed)]
        small = [f for f in self._files.values() if len(f.keys) < _SMALL_ROWS]
        if len(small) > _MANY_SMALL:
            seen = {id(f) for f in touched}
            touched += [f for f in small if id(f) not in seen]
        if touched:
            kept = self._read_files([f.task for f in touched])
            if truncated is not None:
                kept = kept.filter(pc.fill_null(pc.greater_equal(kept.column("_source_lsn"), truncated), False))
            kept, upserts = self._merged(conformed(kept, schema), upserts, deletes)
            upserts = pa.concat_tables([kept, upserts])
        added = write_files(self.table, upserts)
        commit_files(self.table, added, [f.task.file for f in touched], self._said_by(covers, batch))
        self._done(covers)

    def _merged(self, kept: pa.Table, upserts: pa.Table, deletes: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return the rows that stay and the upserts that are newer than what is there."""
        names = [self.key, "_source_lsn", "_offset"]
        incoming = pa.concat_tables([upserts.select(names), deletes.select(names)])
        keys, lsns, offsets = (_numbers(incoming.column(n)) for n in names)
        order = np.argsort(keys, kind="stable")
        keys, lsns, offsets = keys[order], lsns[order], offsets[order]
        mine, my_lsns, my_offsets = (_numbers(kept.column(n)) for n in names)
        at = np.minimum(np.searchsorted(keys, mine), max(len(keys) - 1, 0))
        if len(keys) == 0:
            return kept, upserts
        matched = keys[at] == mine
        newer = matched & ((my_lsns > lsns[at]) | ((my_lsns == lsns[at]) & (my_offsets > offsets[at])))
        refused = np.unique(mine[newer])
        stays = kept.filter(pa.array(~matched | newer))
        if len(refused):
            upserts = upserts.filter(pa.array(~np.isin(_numbers(upserts.column(self.key)), refused)))
        return stays, upserts

    def rows_of(self, keys: list[int], names: list[str]) -> dict[int, dict[str, Any]]:
        rows = self._read([self.key, "_source_lsn", *names], f"{self.key} IN ({', '.join(map(str, keys))})")
        return {row[self.key]: row for row in rows.to_pylist()}


def _numbers(column: pa.ChunkedArray) -> Keys:
    """Return an integer column as numbers; a NULL, which only a stranger can have written, as -1."""
    result: Keys = pc.fill_null(column, -1).to_numpy()
    return result


def _overlap(keys: Keys, changed: Keys) -> bool:
    """Whether a sorted array holds any of the changed keys."""
    if len(keys) == 0 or len(changed) == 0:
        return False
    at = np.minimum(np.searchsorted(keys, changed), len(keys) - 1)
    return bool((keys[at] == changed).any())
