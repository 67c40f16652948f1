"""The data files of a snapshot: which ones a question touches, and their rows, those of small files kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan

if TYPE_CHECKING:
    from pyiceberg.table import FileScanTask, Table

_KEPT_BYTES: Final = 256 * 2**20
_KEPT_ROWS: Final = 500_000
"""Files of more rows are read anew each time, with no more columns than are asked for."""
_EARLIEST, _LATEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class DataFile:
    """A live data file; ``first`` and ``last`` bound its timestamps, in microseconds."""

    task: FileScanTask
    first: int
    last: int

    @property
    def path(self) -> str:
        """Where it lies; a data file never changes, so this names its rows."""
        return str(self.task.file.file_path)

    @property
    def rows(self) -> int:
        """How many rows it holds, without looking at deletes."""
        return int(self.task.file.record_count)

    def overlaps(self, start: int | None, end: int | None) -> bool:
        """Whether it may hold rows from ``start`` to before ``end``."""
        return (start is None or self.last >= start) and (end is None or self.first < end)


def data_files(table: Table, snapshot_id: int) -> tuple[DataFile, ...]:
    """Return the live data files of a snapshot, newest first."""
    field = table.schema().find_field("timestamp")

    def bound(bounds: dict[int, bytes] | None, absent: int) -> int:
        raw = (bounds or {}).get(field.field_id)
        return absent if raw is None else int(from_bytes(cast(Any, field.field_type), raw))

    found = [
        DataFile(t, bound(t.file.lower_bounds, _EARLIEST), bound(t.file.upper_bounds, _LATEST))
        for t in table.scan(snapshot_id=snapshot_id).plan_files()
    ]
    return tuple(sorted(found, key=lambda f: f.last, reverse=True))


class FileRows:
    """Rows of data files. May be used from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, pl.DataFrame] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, table: Table, files: Sequence[DataFile], columns: Sequence[str]) -> pl.DataFrame:
        """Return the rows of files; a column that the table did not have then is NULL."""
        parts = [self._kept_rows(table, f).select(columns) for f in files if _is_kept(f)]
        large = [f for f in files if not _is_kept(f)]
        if large or not parts:
            parts.append(_read(table, large, columns))
        return pl.concat(parts, how="vertical_relaxed")

    def _kept_rows(self, table: Table, file: DataFile) -> pl.DataFrame:
        schema = table.schema()
        # Columns added later are part of what is asked of an old file too.
        name = f"{schema.schema_id}:{file.path}"
        with self._lock:
            rows = self._kept.get(name)
            if rows is not None:
                self._kept.move_to_end(name)
                return rows
        rows = _read(table, [file], schema.column_names)
        with self._lock:
            if name not in self._kept:
                self._kept[name] = rows
                self._bytes += int(rows.estimated_size())
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= int(dropped.estimated_size())
        return rows


def _is_kept(file: DataFile) -> bool:
    return file.rows <= _KEPT_ROWS and not file.task.delete_files


def _read(table: Table, files: Sequence[DataFile], columns: Sequence[str]) -> pl.DataFrame:
    scan = ArrowScan(table.metadata, table.io, table.schema().select(*columns), AlwaysTrue())
    frame = pl.from_arrow(scan.to_table(tasks=[f.task for f in files]))
    assert isinstance(frame, pl.DataFrame)
    return frame.select(columns)
