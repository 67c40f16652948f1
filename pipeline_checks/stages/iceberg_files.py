"""The live files of one snapshot of an Iceberg table, and what among them cannot be read: refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table


@dataclass(frozen=True)
class SnapshotFiles:
    """Data files and delete files, as the manifests tell of them."""

    data: tuple[DataFile, ...]
    deletes: tuple[DataFile, ...]

    def refuse_unreadable(self, what: str) -> None:
        """Raise TerminalError for equality deletes and files in Avro, naming them; ``what`` was being done."""
        from pyiceberg.manifest import DataFileContent, FileFormat

        if any(file.content == DataFileContent.EQUALITY_DELETES for file in self.deletes):
            raise TerminalError(
                f"{what}: the snapshot has equality deletes, which cannot be applied here.",
                next_step="Have them applied: CALL <catalog>.system.rewrite_data_files(table => '...', "
                "options => map('delete-file-threshold', '1')), by Spark.",
                feature="equality deletes",
            )
        if any(file.file_format == FileFormat.AVRO for file in (*self.data, *self.deletes)):
            raise TerminalError(
                f"{what}: the snapshot has data in AVRO files, which cannot be read here.",
                next_step="Set write.format.default (and write.delete.format.default) to parquet and rewrite the "
                "data files, by Spark.",
                feature="AVRO",
            )

    @property
    def all_parquet(self) -> bool:
        """Whether every data file is a Parquet file."""
        from pyiceberg.manifest import FileFormat

        return all(file.file_format == FileFormat.PARQUET for file in self.data)


def files_of_snapshot(table: Table, snapshot_id: int | None) -> SnapshotFiles:
    """Read the manifests of a snapshot; None is the table before its first."""
    from pyiceberg.manifest import DataFileContent

    data: list[DataFile] = []
    deletes: list[DataFile] = []
    snapshot = None if snapshot_id is None else table.snapshot_by_id(snapshot_id)
    for manifest in [] if snapshot is None else snapshot.manifests(table.io):
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            file = entry.data_file
            (data if file.content == DataFileContent.DATA else deletes).append(file)
    return SnapshotFiles(tuple(data), tuple(deletes))
