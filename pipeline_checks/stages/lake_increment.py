"""What a lake table's files tell of the rows that came and went between two of its versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from pipeline_checks.clients.lake import iceberg_catalog, load_iceberg, open_delta, storage_options, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.position import OffsetsPosition, Position, SnapshotPosition, VersionPosition
from pipeline_checks.stages.commits import Commit
from pipeline_checks.stages.delta import DeltaTable
from pipeline_checks.stages.iceberg import IcebergTable

if TYPE_CHECKING:
    import polars
    from pyiceberg.table import Table

MOST_SPANS: Final = 8
"""Stretches of commits by others beyond which everything between the first and the last is looked at together."""
_DELETION_VECTORS = "deletionVectors"
_COLUMN_MAPPING = "delta.columnMapping.mode"


@dataclass(frozen=True)
class ChangedFiles:
    """Data files of the earlier version that the later one does not have, and the other way round.

    A row of neither stands in both versions unchanged. A row that was only written anew is in both lists. ``files`` is
    the number of all data files of the later version.
    """

    root: str
    gone: tuple[str, ...]
    added: tuple[str, ...]
    files: int

    @property
    def share(self) -> float:
        """Which part of the later version's files was added."""
        return len(self.added) / max(1, self.files)

    def rows_gone(self, columns: Sequence[str]) -> polars.LazyFrame | None:
        """Return the rows of the files that went, None when none went. They fail to be read once they were expired."""
        return self._rows(self.gone, columns)

    def rows_added(self, columns: Sequence[str]) -> polars.LazyFrame | None:
        """Return the rows of the files that were added, None when none were."""
        return self._rows(self.added, columns)

    def _rows(self, files: Sequence[str], columns: Sequence[str]) -> polars.LazyFrame | None:
        import polars as pl

        if not files:
            return None
        options = storage_options(self.root) or None
        scan = pl.scan_parquet(
            list(files),
            storage_options=options,
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
        )
        return scan.select(list(dict.fromkeys(columns)))


def identity_of(table: DeltaTable | IcebergTable) -> str:
    """Return what tells the table from another that is made under its name later."""
    if isinstance(table, DeltaTable):
        opened = open_delta(table.uri())
        return f"delta {opened.metadata().id}"
    return f"iceberg {_iceberg(table).metadata.table_uuid}"


@runtime_checkable
class HasCommits(Protocol):
    """A table at a version that tells the commits which led there, newest first."""

    def commits(self) -> Iterator[Commit]: ...


def changed_by_others(
    table: DeltaTable | IcebergTable,
    pinned: HasCommits,
    since: Any,
    until: Position,
    covers: OffsetsPosition,
    columns: Sequence[str],
) -> ChangedFiles | None:
    """Return the files by which commits that are not the mover's changed a table; None where that cannot be told.

    The mover's are those that say what they cover, each no less than the one before: which rows such a commit changes
    follows from the events that it covers. A compaction is not among them.

    Parameters
    ----------
    since:
        The value of the earlier position, as positions show it.
    covers:
        What the table covered there, at least.
    """
    spans = _spans_of_others(pinned.commits(), int(since), covers)
    if spans is None:
        return None
    net: Counter[str] = Counter()
    root, files = "", 0
    for before, after in spans:
        found = changed_files(table, before, after.position, columns)
        if found is None:
            return None
        net.update(found.added)
        net.subtract(found.gone)
        root, files = found.root, found.files
    if any(abs(number) > 1 for number in net.values()):  # removed by the mover and brought back by a restore
        return changed_files(table, since, until, columns)
    gone = tuple(sorted(file for file, number in net.items() if number < 0))
    return ChangedFiles(root, gone, tuple(sorted(file for file, number in net.items() if number > 0)), files)


def _spans_of_others(
    newest_first: Iterable[Commit], since: int, covers: OffsetsPosition
) -> list[tuple[int, Commit]] | None:
    """Return the stretches of commits by others as the version before and the last commit of each, oldest first.

    None when the version ``since`` is not among the commits.
    """
    behind: list[Commit] = []
    for commit in newest_first:
        if commit.version == since:
            break
        behind.append(commit)
    else:
        return None
    spans: list[tuple[int, Commit]] = []
    before, is_open = since, False
    for commit in reversed(behind):
        if commit.covers is not None and commit.covers.covers(covers):
            covers, is_open = commit.covers, False
        elif is_open:
            spans[-1] = (spans[-1][0], commit)
        else:
            spans.append((before, commit))
            is_open = True
        before = commit.version
    if len(spans) > MOST_SPANS:
        spans = [(spans[0][0], spans[-1][1])]
    return spans


def changed_files(
    table: DeltaTable | IcebergTable, since: Any, until: Position, columns: Sequence[str]
) -> ChangedFiles | None:
    """Return the files by which two versions differ; None where the files alone do not tell the rows.

    ``since`` is the value of the earlier position, as positions show it. Raises TerminalError when it is not there any
    more.
    """
    if isinstance(table, DeltaTable):
        assert isinstance(until, VersionPosition)
        return _of_delta(table.uri(), int(since), until.version, columns)
    assert isinstance(until, SnapshotPosition)
    return _of_iceberg(_iceberg(table), int(since), until.snapshot_id, columns)


def _of_delta(uri: str, since: int, until: int, columns: Sequence[str]) -> ChangedFiles | None:
    versions = [open_delta(uri, version) for version in (since, until)]
    for version in versions:
        metadata, features = version.metadata(), version.protocol().reader_features or []
        if _DELETION_VECTORS in features or metadata.configuration.get(_COLUMN_MAPPING, "none") != "none":
            return None  # rows stand in files that are deleted in another, or under other names
        if set(metadata.partition_columns) & set(columns):
            return None  # the files do not hold these columns
    with translated(f"reading the files of the Delta table {uri}"):
        before, after = (set(version.file_uris()) for version in versions)
    return ChangedFiles(uri, tuple(sorted(before - after)), tuple(sorted(after - before)), len(after))


def _of_iceberg(table: Table, since: int, until: int | None, columns: Sequence[str]) -> ChangedFiles | None:
    names = [{field.name: field.field_id for field in schema.fields} for schema in table.metadata.schemas]
    if any(len({known.get(column) for known in names if column in known}) != 1 for column in columns):
        return None  # a column was renamed, so that older files hold it under another name
    before, after = _iceberg_files(table, since), _iceberg_files(table, until)
    if before is None or after is None:
        return None
    return ChangedFiles(table.location(), tuple(sorted(before - after)), tuple(sorted(after - before)), len(after))


def _iceberg_files(table: Table, snapshot_id: int | None) -> set[str] | None:
    """Return the data files of a snapshot; None when it is not there, or has rows deleted beside their file."""
    from pyiceberg.manifest import DataFileContent, FileFormat

    snapshot = None if snapshot_id is None else table.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return None
    found = set()
    with translated(f"reading the manifests of the Iceberg table at {table.location()}"):
        for manifest in snapshot.manifests(table.io):
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                file = entry.data_file
                if file.content != DataFileContent.DATA or file.file_format != FileFormat.PARQUET:
                    return None
                found.add(file.file_path)
    return found


def _iceberg(table: IcebergTable) -> Table:
    given = table.catalog
    return load_iceberg(iceberg_catalog(given.name, resolve(given.url), resolve(given.warehouse)), table.table)
