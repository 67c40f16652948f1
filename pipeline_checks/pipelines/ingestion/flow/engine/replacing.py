"""Takes the rows of one version of a file out of the table and puts those of another in, at one moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.model import Load
from pipeline_checks.pipelines.ingestion.flow.engine.reading import literal
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import rows
from pipeline_checks.pipelines.ingestion.flow.engine.table_state import REPLACES, Metadata
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import quoted
from pipeline_checks.pipelines.ingestion.flow.engine.writing import STAGE, Write, Writer, append, loaded, table_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def replace(writer: Writer, write: Write, old: Load, frame: Callable[[SparkSession], DataFrame]) -> Load:
    """Take the rows of ``old`` out and append those of ``frame``, on a branch that the table then moves to.

    Raises EngineError, ``REPLACE_NOT_POSSIBLE`` where the files of ``old`` are not there as they were written.
    """
    branch, target = f"replace_{write.name}", table_sql(writer.table)
    drop = f"ALTER TABLE {target} DROP BRANCH IF EXISTS {quoted(branch)}"
    with writer.sessions.asking(f"replacing {old.path} in {writer.table}") as session:
        session.conf.unset(STAGE)
        files = _files_of(session, writer, old)
        head = writer.metadata().state.snapshot_id
        session.sql(drop).collect()
        session.sql(f"ALTER TABLE {target} CREATE BRANCH {quoted(branch)} AS OF VERSION {head}").collect()
        try:
            here = f"{target}.{quoted(f'branch_{branch}')}"
            if files:
                # Bare, the name of the file would be handed to Iceberg as a column of the table.
                names = ", ".join(map(literal, files))
                session.sql(f"DELETE FROM {here} WHERE concat(_file, '') IN ({names})").collect()
                if _taken_out(writer.metadata(), branch) != old.records:
                    raise _refused(old, "its files hold other rows than it brought")
            append(frame(session), here, {**write.properties, REPLACES: str(old.snapshot_id)})
            metadata = writer.metadata()
            writer.check(write, metadata.summary(metadata.branches[branch]))
            writer.call(session, "fast_forward", branch="'main'", to=literal(branch))
        finally:
            with suppress(Exception):  # a branch that stays is made anew by the next attempt
                session.sql(drop).collect()
    return loaded(write, metadata.branches[branch], metadata)


def _taken_out(metadata: Metadata, branch: str) -> int:
    """Return how many rows the newest snapshot of a branch took out."""
    summary = metadata.summary(metadata.branches[branch])
    return int(summary.get("deleted-records", 0)) - int(summary.get("added-records", 0))


def _files_of(session: SparkSession, writer: Writer, old: Load) -> list[str]:
    """Return the data files that a load brought, all of which must be there untouched."""
    metadata = writer.metadata()
    head = metadata.state.snapshot_id
    if head is None or int(metadata.summary(head).get("total-delete-files", 0)):
        raise _refused(old, "rows were deleted from the table since")
    found = rows(
        session.sql(
            "SELECT data_file.file_path AS path, data_file.record_count AS records "
            f"FROM {table_sql(writer.table)}.entries WHERE status < 2 AND snapshot_id = {old.snapshot_id}"
        )
    )
    if sum(row["records"] for row in found) != old.records:
        raise _refused(old, "its data files were rewritten since")
    return [row["path"] for row in found]


def _refused(old: Load, reason: str) -> EngineError:
    return EngineError(
        "REPLACE_NOT_POSSIBLE",
        f"{old.path}: the version {old.etag} cannot be replaced: {reason}.",
        next_step="Load all files anew by a full refresh, or choose source.on_change: append.",
    )
