"""What the engine is told and what it tells: values only. Sizes in bytes, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError

FormatType = Literal["json", "csv", "parquet", "avro", "orc"]
BadRecords = Literal["fail_file", "quarantine"]
ChangeType = Literal["column_added", "type_widened"]

QUARANTINE_FOLDER: Final = "_quarantine"
"""Beside the files of a source: what could not be read of them. Nothing below such a folder is a source file."""


@dataclass(frozen=True)
class Store:
    """An S3 API. ``endpoint`` is empty for AWS itself."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


@dataclass(frozen=True)
class Source:
    """Where files arrive.

    Parameters
    ----------
    path:
        ``s3://bucket/prefix`` or ``s3a://bucket/prefix``; objects whose key begins with the prefix.
    store:
        The endpoint and keys by which they are read.
    pattern:
        A glob on the key below the prefix, as ``fnmatch.fnmatchcase`` reads it (``*`` crosses ``/``); None takes all.
    """

    path: str
    store: Store
    pattern: str | None = None


@dataclass(frozen=True, order=True)
class FileVersion:
    """One object as it was listed; a version of a file is (path, etag, size). ``path`` is ``s3://bucket/key``."""

    path: str
    etag: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Column:
    """A column of the table, with Spark's name of its type (``struct<browser:string,device:string>``)."""

    name: str
    data_type: str
    nullable: bool = True
    is_new: bool = False


@dataclass(frozen=True)
class Format:
    """How the files are written.

    Parameters
    ----------
    type:
        ``json`` is one object a line unless the option ``multiline`` is true.
    options:
        Those that are set of: multiline, compression, header, delimiter, quote.
    columns:
        The columns of a schema that was given by hand; None infers them.
    evolution_enabled:
        Whether a file may bring columns that the table does not have, or wider types.
    bad_records:
        ``fail_file`` writes nothing of a file with lines that cannot be read; ``quarantine`` writes the others and
        puts those beside the source.
    """

    type: FormatType = "json"
    options: Mapping[str, str | bool] = field(default_factory=dict)
    columns: tuple[Column, ...] | None = None
    evolution_enabled: bool = True
    bad_records: BadRecords = "fail_file"


@dataclass(frozen=True)
class Table:
    """The table to load into; ``partition_by`` counts only when it is created."""

    catalog: str
    database: str
    name: str
    partition_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.catalog}.{self.database}.{self.name}"


@dataclass(frozen=True)
class Job:
    """What one run of an ingestion loads, from where, how and into what."""

    ingestion_id: str
    run_id: str
    source: Source
    format: Format
    table: Table


@dataclass(frozen=True)
class Load:
    """A file version that is in the table: the append that brought it, by what it says of itself.

    ``bytes_written`` is the size of the data files it added. ``replaced`` says that a later load took its rows out.
    """

    snapshot_id: int
    table_uuid: str
    path: str
    etag: str
    size: int
    records: int
    bytes_written: int
    ingestion_id: str
    run_id: str
    committed_at: datetime
    replaced: bool = False


@dataclass(frozen=True)
class TableState:
    """The table as it is now.

    ``loads`` are those of the current lineage, by (path, etag, size); a snapshot that was staged and never published
    is in no lineage. ``records`` is what the table says of its own row count.
    """

    uuid: str
    location: str
    metadata_location: str
    snapshot_id: int | None
    columns: tuple[Column, ...]
    records: int
    loads: Mapping[tuple[str, str, int], Load]
    properties: Mapping[str, str]


@dataclass(frozen=True)
class SchemaChange:
    """One difference between the table's columns before and after; a nested field is named by its path with dots."""

    change_type: ChangeType
    column_name: str
    old_type: str | None
    new_type: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class FileFacts:
    """What was seen in a file. ``records`` is None where only loading counts them; ``bad_lines`` cannot be read."""

    columns: tuple[Column, ...] = ()
    records: int | None = 0
    bad_lines: int = 0


@dataclass(frozen=True)
class RunPlan:
    """What is known of the new files of a run before any of them is loaded.

    Parameters
    ----------
    table:
        The table before the run; None where it does not exist yet, then the first load creates it.
    columns:
        What the table will have: the merged columns of all files that are not refused.
    changes:
        What ``Engine.evolve`` will alter in the table; empty where it does not exist yet.
    refused:
        Files that cannot be loaded, by path. ``load_file`` raises the same error for them.
    facts:
        What was seen in each file that was looked into, by path.
    """

    job: Job
    files: tuple[FileVersion, ...]
    table: TableState | None
    columns: tuple[Column, ...]
    changes: tuple[SchemaChange, ...]
    refused: Mapping[str, EngineError]
    facts: Mapping[str, FileFacts]


@dataclass(frozen=True)
class LoadResult:
    """A file that is in the table.

    Parameters
    ----------
    records_ingested:
        Rows it has in the table; 0 for an empty file, which writes nothing and has no snapshot.
    bytes_read, bytes_written:
        The object's size, and that of the data files of its snapshot.
    snapshot_id, table_uuid:
        The append, and the table it went to; None for an empty file without a table.
    already_written:
        Whether an earlier attempt had written it: then nothing was written now.
    records_quarantined, quarantine_path:
        Lines that were put aside, and the object (``s3://``) that holds them.
    """

    file: FileVersion
    records_ingested: int
    bytes_read: int
    bytes_written: int
    snapshot_id: int | None
    table_uuid: str | None
    already_written: bool = False
    records_quarantined: int = 0
    quarantine_path: str | None = None


@dataclass(frozen=True)
class DropResult:
    """A table that is gone. ``orphans`` are files (``s3://``) that could not be removed."""

    existed: bool
    files_removed: int
    orphans: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a load would see; ``sample`` is JSON text of rows. ``estimated_records`` is by size from what was read."""

    columns: tuple[Column, ...]
    sample: tuple[str, ...]
    file_count: int
    total_bytes: int
    estimated_records: int


@dataclass(frozen=True)
class ClusterProbe:
    """What a cluster says of itself; memory of its driver in GiB."""

    spark_version: str
    available_memory_gb: float
