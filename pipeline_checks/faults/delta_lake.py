"""A Delta table as a fault writes to it. It is taken back by removing the commits made since from its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.lake import open_delta, translated
from pipeline_checks.faults.lake_table import written_on
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages.commits import CommitMetadata
from pipeline_checks.stages.delta import DeltaTable as Declaration

if TYPE_CHECKING:
    import pyarrow
    from deltalake import CommitProperties, DeltaTable

_LAST_CHECKPOINT = "_last_checkpoint"
_EARLIER_VERSIONS = 200
"""How many versions back an earlier state of a row is looked for."""


class DamagedDelta:
    """One Delta table on a disk of this machine."""

    def __init__(self, stage: Declaration) -> None:
        self._stage = stage
        self._uri = stage.uri()

    def mark(self) -> dict[str, Any]:
        checkpoint = self._log() / _LAST_CHECKPOINT
        text = checkpoint.read_text() if checkpoint.exists() else None
        return {"version": self._open().version(), "last_checkpoint": text}

    def restore(self, mark: Mapping[str, Any]) -> None:
        version, made = int(mark["version"]), mark.get("made")
        newest = self._open().version()
        if newest <= version:
            return
        if made is not None and newest > int(made):
            raise written_on(self._stage)
        log = self._log()
        pointer = log / _LAST_CHECKPOINT
        if mark["last_checkpoint"] is None:
            pointer.unlink(missing_ok=True)
        else:
            pointer.write_text(mark["last_checkpoint"])
        # The newest first, so that a reader in between sees a version that was there.
        for number in range(newest, version, -1):
            for file in log.glob(f"{number:020d}.*"):
                file.unlink()

    def rows(self) -> pyarrow.Table:
        return self._read(self._open())

    def versions(self) -> Iterator[pyarrow.Table]:
        newest = self._open().version()
        for number in range(newest - 1, max(-1, newest - 1 - _EARLIER_VERSIONS), -1):
            try:
                yield self._read(open_delta(self._uri, number))
            except TerminalError:  # its log or its files have been cleaned away
                return

    def replace(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        from deltalake import write_deltalake

        table = self._open()
        partitions = list(table.metadata().partition_columns) or None
        with translated(f"writing to {self._stage.name}"):
            write_deltalake(
                table,
                rows,
                mode="overwrite",
                schema_mode="overwrite" if rows.schema != self._schema(table) else None,
                partition_by=partitions,
                commit_properties=self._properties(covers),
            )

    def append(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        from deltalake import write_deltalake

        with translated(f"writing to {self._stage.name}"):
            write_deltalake(self._open(), rows, mode="append", commit_properties=self._properties(covers))

    def advance(self, covers: OffsetsPosition) -> None:
        table = self._open()
        with translated(f"writing to {self._stage.name}"):
            table.create_write_transaction(
                [],
                "append",
                table.schema(),
                partition_by=list(table.metadata().partition_columns) or None,
                commit_properties=self._properties(covers),
            )

    def rename_column(self, name: str, to: str) -> None:
        # Without column mapping a rename is what a writer does who overwrites the table with other names.
        rows = self.rows()
        self.replace(rows.rename_columns([to if n == name else n for n in rows.schema.names]), None)

    def commits_since(self, mark: Mapping[str, Any]) -> list[str]:
        return [str(v) for v in range(int(mark["version"]) + 1, self._open().version() + 1)]

    def _open(self) -> DeltaTable:
        return open_delta(self._uri)

    def _read(self, table: DeltaTable) -> pyarrow.Table:
        import pyarrow as pa

        with translated(f"reading {self._stage.name}"):
            return pa.RecordBatchReader.from_stream(table.scan()).read_all().cast(self._schema(table))

    def _schema(self, table: DeltaTable) -> pyarrow.Schema:
        import pyarrow as pa

        return pa.schema(table.schema().to_arrow())

    def _properties(self, covers: OffsetsPosition | None) -> CommitProperties | None:
        from deltalake import CommitProperties

        if covers is None:
            return None
        declared = self._stage.covers
        name = declared.commit_metadata if isinstance(declared, CommitMetadata) else "covers"
        return CommitProperties(custom_metadata={"userMetadata": json.dumps({name: covers.value()})})

    def _log(self) -> Path:
        local = unquote(urlsplit(self._uri).path) if self._uri.startswith("file://") else self._uri
        if "://" in local:
            raise TerminalError(
                f"{self._stage.name} does not lie on a disk of this machine, so it could not be taken back.",
                next_step="Damage a copy of it on a local disk.",
            )
        return Path(local) / "_delta_log"
