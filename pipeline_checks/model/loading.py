"""Files that a service loads into a table: what each stage on their way tells of them, and measures of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline_checks.model.fields import FieldType
from pipeline_checks.model.measure import Measure

LOADED, SKIPPED, FAILED, PROCESSING = "SUCCESS", "SKIPPED", "FAILED", "PROCESSING"
"""States of a file."""
RUNNING = "running"
CHANGED = "FILE_CHANGED"
"""Why a file was not loaded that is another than the one of that name that was loaded before: told, and no failure."""
FINISHED = frozenset({"success", "partial"})
"""States of runs that have looked at the whole source."""

Version = tuple[str, str, int]
"""Path (``s3://bucket/key``), etag and size: what tells one version of a file from all others."""


def normal_path(path: str) -> str:
    """Return a path of an object in the one form in which paths are compared.

    >>> normal_path("s3a://landing/data/a.json")
    's3://landing/data/a.json'
    """
    scheme, mark, rest = path.partition("://")
    return f"s3://{rest}" if mark and scheme in ("s3", "s3a", "s3n") else path


@dataclass(frozen=True)
class SourceFile:
    """One object of the source: ``records`` are its lines that are not blank, or what its format has instead of lines.

    ``malformed`` are the numbers of the first lines that are no record, ``malformed_total`` how many there are.
    ``digest`` is the SHA-256 of its bytes.
    """

    path: str
    etag: str
    size: int
    modified: datetime
    records: int
    digest: str
    malformed_total: int = 0
    malformed: tuple[int, ...] = ()

    @property
    def version(self) -> Version:
        """What tells this version from others."""
        return (self.path, self.etag, self.size)


@dataclass(frozen=True)
class FileLoad:
    """What a service says of one version of a file. Counts are None where it does not tell them."""

    path: str
    etag: str
    size: int
    status: str
    run_id: str | None = None
    modified: datetime | None = None
    processing_started_at: datetime | None = None
    processed_at: datetime | None = None
    records: int | None = None
    quarantined: int = 0
    bytes_read: int | None = None
    retries: int = 0
    error_type: str | None = None
    error_message: str | None = None
    table_uuid: str | None = None
    snapshot_id: int | None = None
    is_replaced: bool = False

    @property
    def version(self) -> Version:
        """What tells this version from others."""
        return (self.path, self.etag, self.size)

    @property
    def is_loaded(self) -> bool:
        """Whether its rows have been written into a table, and no later version has taken their place."""
        return self.status == LOADED and not self.is_replaced


@dataclass(frozen=True)
class RunFile:
    """What one run did with one file."""

    run_id: str
    path: str
    etag: str
    status: str
    records: int
    bytes_read: int
    error_type: str | None = None


@dataclass(frozen=True)
class LoadRun:
    """One run. ``counts`` are its numbers by name; ``errors`` what went wrong, with ``file`` and ``error_type``."""

    id: str
    status: str
    trigger: str
    started_at: datetime
    ended_at: datetime | None = None
    lease_until: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class SchemaChange:
    """One version of the table's fields as the service recorded it."""

    version: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Loads:
    """Everything that one place tells of an ingestion, at one moment.

    ``run_files`` is None where the place does not tell them. ``refreshed_at`` is when the table was dropped last.
    ``start`` is the moment before which objects are not to be loaded; ``runs_since`` is where what is told of runs
    begins, None where all of them are told. ``preview`` are the numbers of what a refresh would do.
    """

    ingestion_id: str
    taken_at: datetime
    runs: tuple[LoadRun, ...] = ()
    files: tuple[FileLoad, ...] = ()
    run_files: tuple[RunFile, ...] | None = None
    schema_version: int = 1
    schemas: tuple[SchemaChange, ...] = ()
    refreshed_at: datetime | None = None
    start: datetime | None = None
    runs_since: datetime | None = None
    preview: Mapping[str, int] | None = None

    def loaded(self) -> tuple[FileLoad, ...]:
        """Return the versions whose rows were written."""
        return tuple(f for f in self.files if f.is_loaded)


@dataclass(frozen=True)
class TableLoad:
    """One snapshot of the table's lineage that added rows, and what it says of where they come from.

    ``is_live`` says that rows of it are in the table still; ``ingestion_id`` and ``path`` are None where nothing is
    said.
    """

    snapshot_id: int
    committed_at: datetime
    added_records: int
    is_live: bool
    ingestion_id: str | None = None
    run_id: str | None = None
    path: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class LoadedTable:
    """The table at its snapshot. ``uuid`` is None when there is none."""

    uuid: str | None
    rows: int = 0
    fields: Mapping[str, FieldType] = field(default_factory=dict)
    loads: tuple[TableLoad, ...] = ()
    other_rows: int = 0

    def of(self, ingestion: str) -> tuple[TableLoad, ...]:
        """Return what was added by an ingestion, or by someone who does not say who."""
        return tuple(one for one in self.loads if one.ingestion_id in (None, ingestion))


@dataclass(frozen=True)
class LoadFacts:
    """Value of ``LoadedFacts``: what the stages tell, None for a stage that is not above the one that is judged.

    ``source`` was listed at ``listed_at``. ``later`` is the ledger, read again after the API was asked.
    """

    source: tuple[SourceFile, ...] | None = None
    listed_at: datetime | None = None
    ledger: Loads | None = None
    later: Loads | None = None
    served: Loads | None = None
    table: LoadedTable | None = None

    def in_table(self) -> tuple[FileLoad, ...]:
        """Return the versions whose rows must be in the table: all that were written since it was dropped last."""
        since, uuid = self.known.refreshed_at, None if self.table is None else self.table.uuid

        def is_in(file: FileLoad) -> bool:
            if file.table_uuid is not None and file.table_uuid == uuid:
                return True
            return bool(file.records) and (since is None or file.processed_at is None or file.processed_at > since)

        return tuple(f for f in self.known.loaded() if is_in(f))

    @property
    def known(self) -> Loads:
        """The ledger; raises ValueError where there is none, which its declaration rules out."""
        if self.ledger is None:
            raise ValueError("nothing tells what was loaded: a stage of kind load_ledger must stand before this one")
        return self.ledger


@dataclass(frozen=True)
class LoadedFacts(Measure):
    """What source, ledger, API and table tell of the same files; value: ``LoadFacts``."""


@dataclass(frozen=True)
class LoadedContent(Measure):
    """The rows of the files that were loaded against those of the table; value: ``ContentDifference``."""


@dataclass(frozen=True)
class LineRange:
    """Rows of consecutive lines of a file, both inclusive; ``copies`` is how often the table has each."""

    path: str
    first: int
    last: int
    copies: int = 0

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class ChangedLine:
    """A line whose row has other values in the table: ``expected`` and ``seen`` hold the fields that differ."""

    path: str
    line: int
    key: Mapping[str, Any]
    expected: Mapping[str, Any]
    seen: Mapping[str, Any]


@dataclass(frozen=True)
class FieldDifference:
    """One field of the table against the same one of the files: a type is None where it is not there.

    ``nulls`` are its NULLs in the table and ``absent`` the rows whose lines do not have it; None where not compared.
    ``brought_by`` is the first file that has the field.
    """

    name: str
    expected: FieldType | None
    found: FieldType | None
    nulls: int | None = None
    absent: int | None = None
    brought_by: str = ""


@dataclass(frozen=True)
class ContentDifference:
    """Value of ``LoadedContent``.

    ``expected_rows`` are the records of the ``files`` that were loaded and are still there as they were; ``unread``
    names the other ones, of whose rows nothing is known: then rows that no file explains are no findings.
    ``strangers`` is a sample of rows that no file has. The digests are sums of the digests of all rows.
    """

    rows: int
    expected_rows: int
    files: int
    unread: tuple[str, ...] = ()
    missing: tuple[LineRange, ...] = ()
    repeated: tuple[LineRange, ...] = ()
    changed: tuple[ChangedLine, ...] = ()
    changed_total: int = 0
    strangers: tuple[Mapping[str, Any], ...] = ()
    strangers_total: int = 0
    fields: tuple[FieldDifference, ...] = ()
    digest: str = ""
    expected_digest: str = ""
