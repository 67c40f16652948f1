"""Writes a file to the table: staged, looked at, published; so nothing is in the table that is not proved to be right.

What is staged carries a name made of the file's version, and Iceberg publishes a name once only: a worker that was
thought dead and goes on cannot load a file for the second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Job, Load, Table
from pipeline_checks.pipelines.ingestion.flow.engine.reading import ddl, literal
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import Sessions, SparkRefusal
from pipeline_checks.pipelines.ingestion.flow.engine.table_state import (
    INGESTION_ID,
    RECORD_COUNT,
    RUN_ID,
    SOURCE_ETAG,
    SOURCE_PATH,
    SOURCE_SIZE,
    Key,
    Metadata,
)
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAGE: Final = "spark.wap.id"
"""The setting that makes an append a staged one."""
_ATTEMPTS: Final = 5
_TWICE: Final = (
    "DuplicateWAPCommitException",
    "Duplicate request to cherry pick",
    "already published",
    "Duplicate WAP",
)
PROPERTIES: Final = {
    "format-version": "2",
    "write.wap.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}
"""Of the tables that are created. Old metadata files are not kept for ever; snapshots are."""

Read = Callable[[], Metadata | None]
"""Returns the table's metadata as they are now."""


@dataclass(frozen=True)
class Write:
    """One file on its way into a table; ``records`` is how many rows it must have there.

    ``again`` is the snapshot that had loaded this very version before its rows were taken out, 0 where there is none.
    """

    job: Job
    file: FileVersion
    records: int
    again: int = 0

    @property
    def key(self) -> Key:
        """Which version of which file it is."""
        return self.file.path, self.file.etag, self.file.size

    @property
    def name(self) -> str:
        """What it is staged as: equal for every attempt at the same version."""
        text = "|".join(map(str, (*self.key, self.again)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def properties(self) -> dict[str, str]:
        """What the snapshot says of itself."""
        return {
            INGESTION_ID: self.job.ingestion_id,
            RUN_ID: self.job.run_id,
            SOURCE_PATH: self.file.path,
            SOURCE_ETAG: self.file.etag,
            SOURCE_SIZE: str(self.file.size),
            RECORD_COUNT: str(self.records),
        }


def table_sql(table: Table) -> str:
    """Return the quoted name of a table."""
    return ".".join(quoted(part) for part in (table.catalog, *table.database.split("."), table.name))


def create_table(session: SparkSession, table: Table, schema: StructType) -> None:
    """Create a table unless it exists.

    Raises EngineError where a column to partition by is not there.
    """
    missing = [name for name in table.partition_by if name not in schema.names]
    if missing:
        raise EngineError(
            "SCHEMA_INCOMPATIBLE",
            f"the table cannot be partitioned by {missing[0]!r}: no file has such a column.",
            next_step="Correct destination.partitioning.columns.",
            column=missing[0],
        )
    parts = f" PARTITIONED BY ({', '.join(map(quoted, table.partition_by))})" if table.partition_by else ""
    properties = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in PROPERTIES.items())
    columns = ddl(schema)
    session.sql(
        f"CREATE TABLE IF NOT EXISTS {table_sql(table)} ({columns}) USING iceberg{parts} TBLPROPERTIES ({properties})"
    ).collect()


def prepare(session: SparkSession, table: Table, metadata: Metadata) -> None:
    """Allow a table that others made to be written to in stages."""
    if metadata.state.properties.get("write.wap.enabled") != "true":
        session.sql(f"ALTER TABLE {table_sql(table)} SET TBLPROPERTIES ('write.wap.enabled' = 'true')").collect()


class Writer:
    """Writes to one table. ``read`` asks what it is; ``audit`` raises where the file is no more what was listed."""

    def __init__(self, sessions: Sessions, table: Table, read: Read, audit: Callable[[FileVersion], None]) -> None:
        self.sessions = sessions
        self.table = table
        self._read = read
        self._audit = audit

    def append(self, write: Write, frame: Callable[[SparkSession], DataFrame]) -> Load:
        """Append the rows of ``frame`` in one commit and return the load.

        Raises EngineError or SparkRefusal; nothing is in the table then.
        """
        for _ in range(_ATTEMPTS):
            self._stage(write, frame)
            metadata = self.metadata()
            done = metadata.state.loads.get(write.key)
            staged = metadata.staged.get(write.name)
            if done is not None and not done.replaced:
                self.expire([staged] if staged is not None else [])
                return done
            if staged is None:
                continue
            try:
                self.check(write, metadata.summary(staged))
            except EngineError:
                self.expire([staged])
                raise
            if metadata.parents[staged] != metadata.state.snapshot_id:
                self.expire([staged])  # somebody else has written meanwhile: what is published stands on what is there
                continue
            if self._publish(staged):
                return loaded(write, staged, metadata)
        metadata = self.metadata()
        done = metadata.state.loads.get(write.key)
        if done is not None and not done.replaced:
            return done
        raise EngineError(
            "WRITE_FAILED",
            f"{write.file.path}: the table {self.table} was written to by others {_ATTEMPTS} times meanwhile.",
            next_step="Run again when they are done.",
        )

    def _stage(self, write: Write, frame: Callable[[SparkSession], DataFrame]) -> None:
        with self.sessions.asking(f"writing {write.file.path}") as session:
            # It stays until the next file: only appends read it, and a branch is written to without it.
            session.conf.set(STAGE, write.name)
            append(frame(session), table_sql(self.table), write.properties)

    def check(self, write: Write, summary: Mapping[str, str]) -> None:
        """Look at what was staged, before it is published; raises EngineError where it is not what was listed."""
        self._audit(write.file)
        added = int(summary.get("added-records", 0))
        if added != write.records:
            raise EngineError(
                "FILE_CHANGED",
                f"{write.file.path}: {added} rows were read where {write.records} had been counted.",
                next_step="See who writes to the file while it is loaded, and run again.",
            )

    def _publish(self, snapshot_id: int) -> bool:
        """Make the staged snapshot the table's; False where one of the same name is that already."""
        try:
            with self.sessions.asking(f"publishing a snapshot of {self.table}") as session:
                self.call(session, "cherrypick_snapshot", snapshot_id=str(snapshot_id))
        except SparkRefusal as refusal:
            if any(word in refusal.text for word in _TWICE):
                self.expire([snapshot_id])
                return False
            raise
        return True

    def expire(self, snapshots: list[int]) -> None:
        """Remove snapshots that were staged and never published, with their files."""
        if not snapshots:
            return
        ids = ", ".join(f"{number}L" for number in snapshots)
        with self.sessions.asking(f"removing what was staged in {self.table}") as session:
            self.call(
                session,
                "expire_snapshots",
                # None by age: the table's own limit would take what tells of older loads.
                older_than="TIMESTAMP '1970-01-02 00:00:00'",
                retain_last="1000000",
                snapshot_ids=f"array({ids})",
            )

    def call(self, session: SparkSession, procedure: str, **arguments: str) -> None:
        """Call a procedure of Iceberg on the table; the arguments are SQL."""
        name = literal(".".join(quoted(part) for part in (*self.table.database.split("."), self.table.name)))
        given = ", ".join(f"{key} => {value}" for key, value in {"table": name, **arguments}.items())
        session.sql(f"CALL {quoted(self.table.catalog)}.system.{procedure}({given})").collect()

    def metadata(self) -> Metadata:
        """Return what the table is now; raises EngineError where it was dropped."""
        metadata = self._read()
        if metadata is None:
            raise EngineError(
                "WRITE_FAILED",
                f"the table {self.table} was dropped while it was written to.",
                next_step="Run again: the next load creates it.",
            )
        return metadata


def append(frame: DataFrame, target: str, properties: Mapping[str, str]) -> None:
    """Append rows in one commit that carries properties."""
    writer = frame.writeTo(target)
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()


def loaded(write: Write, snapshot_id: int, metadata: Metadata) -> Load:
    """Return what a snapshot brought."""
    summary = metadata.summary(snapshot_id)
    return Load(
        snapshot_id=snapshot_id,
        table_uuid=metadata.state.uuid,
        path=write.file.path,
        etag=write.file.etag,
        size=write.file.size,
        records=int(summary.get("added-records", 0)),
        bytes_written=int(summary.get("added-files-size", 0)),
        ingestion_id=write.job.ingestion_id,
        run_id=write.job.run_id,
        committed_at=metadata.made_at[snapshot_id],
    )
