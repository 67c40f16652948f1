"""The engine as the worker uses it: one object a cluster, one plan a run, one call a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.copies import Copies
from pipeline_checks.pipelines.ingestion.flow.engine.dropping import list_keys, remove_files
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.evolution import alterations, judge
from pipeline_checks.pipelines.ingestion.flow.engine.examining import Examiner
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, head
from pipeline_checks.pipelines.ingestion.flow.engine.model import (
    ClusterProbe,
    DropResult,
    FileFacts,
    FileVersion,
    Format,
    Job,
    Load,
    LoadResult,
    Preview,
    RunPlan,
    SchemaChange,
    Source,
    Store,
    Table,
    TableState,
)
from pipeline_checks.pipelines.ingestion.flow.engine.previewing import previewed
from pipeline_checks.pipelines.ingestion.flow.engine.probing import probed
from pipeline_checks.pipelines.ingestion.flow.engine.quarantine import put_aside
from pipeline_checks.pipelines.ingestion.flow.engine.reading import rows_of_file, rows_of_lines
from pipeline_checks.pipelines.ingestion.flow.engine.replacing import replace
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import Sessions, SparkRefusal
from pipeline_checks.pipelines.ingestion.flow.engine.table_state import Metadata, location_of, read_metadata
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import columns_of, schema_of
from pipeline_checks.pipelines.ingestion.flow.engine.writing import Write, Writer, create_table, prepare, table_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Engine:
    """Loads files into Iceberg tables of Hadoop catalogs through a Spark Connect server. Not for several threads.

    Parameters
    ----------
    spark_url:
        ``sc://host:port``; nothing is opened before it is needed.
    store:
        Where the warehouses lie, by the S3 API; Spark knows the same one by its own settings.
    warehouses:
        Catalog to its warehouse (``s3a://bucket/path``), as the server has them configured.
    """

    def __init__(self, spark_url: str, store: Store, warehouses: Mapping[str, str]) -> None:
        self._sessions = Sessions(spark_url)
        self._store = store
        self._warehouses = dict(warehouses)
        self._created: set[tuple[str, Table]] = set()
        self._client: Any = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the session back; the next call opens another one."""
        self._sessions.close()

    def plan(self, job: Job, files: Sequence[FileVersion]) -> RunPlan:
        """Look into all files at once and return what loading them means; nothing is written.

        Types are merged in the order of ``files``, starting from the table's own: what does not fit is refused, and
        the files behind it are judged without it. Files whose version the table already has are not looked into.

        Raises EngineError of a type of ``OF_A_RUN`` only: what is wrong with one file stands in ``refused``.
        """
        metadata = self._metadata(job.table)
        table = metadata.state if metadata is not None else None
        loads = table.loads if table is not None else {}
        new = [file for file in files if _live(loads.get(_key(file))) is None]
        copies = self._copies(job.source, job.table)
        found = Examiner(self._sessions, job.source.store, job.format, copies).examine(new)
        held = table.columns if table is not None else job.format.columns
        judgement = judge(
            schema_of(held) if held is not None else None,
            [(file, found.schemas[file.path]) for file in new if file.path in found.schemas],
            evolution_enabled=job.format.evolution_enabled,
            by_name=job.format.type == "json",
        )
        known = {column.name for column in held or ()}
        added = [name for name in judgement.schema.names if name not in known] if table is not None else []
        return RunPlan(
            job=job,
            files=tuple(files),
            table=table,
            columns=columns_of(judgement.schema, added),
            changes=judgement.changes if table is not None else (),
            refused={**found.refused, **judgement.refused},
            facts=found.facts,
        )

    def evolve(self, plan: RunPlan) -> tuple[SchemaChange, ...]:
        """Alter the table as ``plan.changes`` says and return those changes; call it once, before the first load.

        What was altered and not recorded because of a crash shows in the next plan: ``plan.table.columns`` differs
        from the columns last recorded.
        """
        metadata = self._metadata(plan.job.table)
        if metadata is None:
            return ()
        name = table_sql(plan.job.table)
        try:
            self._writer(plan.job).expire(list(metadata.staged.values()))
            with self._sessions.asking(f"altering the columns of {plan.job.table}") as session:
                prepare(session, plan.job.table, metadata)
                for statement in alterations(name, schema_of(metadata.state.columns), schema_of(plan.columns)):
                    session.sql(statement).collect()
        except SparkRefusal as refusal:
            raise EngineError("WRITE_FAILED", str(refusal), next_step="See what else writes to the table.") from None
        return plan.changes

    def load_file(self, plan: RunPlan, file: FileVersion) -> LoadResult:
        """Append one file of the plan in one commit, or find that it is already in the table.

        The append is staged, looked at (same object as listed, as many rows as it has lines) and then published, so
        that a file that is changed or deleted meanwhile leaves nothing in the table, and calling this again after a
        crash at any point neither loses nor doubles a row. An empty file writes nothing.

        Raises EngineError; the table is then as it was.
        """
        done = self._known(plan, file)
        if done is not None:
            return done
        return self._written(plan, file, lambda writer, write, frame: writer.append(write, frame))

    def replace_file(self, plan: RunPlan, file: FileVersion, old: FileVersion) -> LoadResult:
        """Take the rows of ``old`` out and append those of ``file``, which readers see at one moment.

        Raises EngineError, ``REPLACE_NOT_POSSIBLE`` where the data files of ``old`` are not all in the table as they
        were written; the table is then as it was.
        """
        done = self._known(plan, file)
        if done is not None:
            return done
        loads = plan.table.loads if plan.table is not None else {}
        load = _live(loads.get(_key(old)))
        if load is None:
            raise EngineError(
                "REPLACE_NOT_POSSIBLE",
                f"{old.path}: the version {old.etag} is not in the table {plan.job.table}.",
                next_step="Choose source.on_change: append, or load all files anew by a full refresh.",
            )
        return self._written(plan, file, lambda writer, write, frame: replace(writer, write, load, frame), empty=True)

    def preview(self, source: Source, format: Format, *, files: int, rows: int) -> Preview:
        """Look into the first ``files`` files and ``rows`` rows of a source and write nothing.

        Raises EngineError.
        """
        copies = Copies(source.store, self._store, next(iter(self._warehouses.values()), source.path))
        return previewed(self._sessions, source, format, copies, files=files, rows=rows)

    def drop_table(self, table: Table) -> DropResult:
        """Drop a table where it exists, with its data and metadata files.

        Raises EngineError of a type of ``OF_A_RUN``, or ``WRITE_FAILED``.
        """
        location = location_of(table, self._warehouses)
        existed = self._metadata(table) is not None
        before = len(list_keys(self._s3(), location))
        self._created = {one for one in self._created if one[1] != table}
        if existed:
            try:
                with self._sessions.asking(f"dropping {table}") as session:
                    session.sql(f"DROP TABLE IF EXISTS {table_sql(table)}").collect()
            except SparkRefusal as refusal:
                raise EngineError("WRITE_FAILED", str(refusal), next_step="See what uses the table.") from None
        return remove_files(self._s3(), location, existed=existed, before=before)

    def table_state(self, table: Table) -> TableState | None:
        """Return what the table is now, None where it does not exist. Asks the store, not Spark.

        Raises EngineError of a type of ``OF_A_RUN``.
        """
        metadata = self._metadata(table)
        return metadata.state if metadata is not None else None

    def probe(self) -> ClusterProbe:
        """Ask the cluster what it is.

        Raises EngineError ``CLUSTER_UNAVAILABLE``.
        """
        try:
            with self._sessions.asking("asking the cluster what it is") as session:
                return probed(session)
        except SparkRefusal as refusal:
            raise EngineError("CLUSTER_UNAVAILABLE", str(refusal), next_step="Look at its log.") from None

    def _known(self, plan: RunPlan, file: FileVersion) -> LoadResult | None:
        """Return the load of a file that needs no writing: it is there, or is empty."""
        loads = plan.table.loads if plan.table is not None else {}
        load = _live(loads.get(_key(file)))
        if load is not None:
            return _result(file, load, already_written=True)
        if file.path in plan.refused:
            raise plan.refused[file.path]
        return None

    def _written(
        self,
        plan: RunPlan,
        file: FileVersion,
        write_with: Callable[[Writer, Write, Callable[[SparkSession], DataFrame]], Load],
        *,
        empty: bool = False,
    ) -> LoadResult:
        """Write one file; ``empty`` says whether one without rows is written too."""
        facts = plan.facts[file.path]
        try:
            with self._copies(plan.job.source, plan.job.table).readable([file], plan.job.format) as places:
                (place,) = places
                aside = self._put_aside(plan.job, place, file) if facts.bad_lines else (0, None)
                records = self._records(plan, place, file, facts)
                if not records and not empty:
                    return LoadResult(file, 0, file.size, 0, None, _uuid(plan), False, *aside)
                before = plan.table.loads.get(_key(file)) if plan.table is not None else None
                write = Write(plan.job, file, records, before.snapshot_id if before is not None else 0)
                self._create(plan)
                writer = self._writer(plan.job)
                load = write_with(writer, write, lambda session: _frame(session, plan, place, facts))
        except SparkRefusal as refusal:
            head(client(plan.job.source.store), file)
            raise EngineError(
                "WRITE_FAILED", str(refusal), next_step="Nothing of the file is in the table; run again."
            ) from None
        return _result(file, load, already_written=False, aside=aside)

    def _records(self, plan: RunPlan, place: str, file: FileVersion, facts: FileFacts) -> int:
        if facts.records is not None:
            return facts.records
        with self._sessions.asking(f"counting the rows of {file.path}") as session:
            return _frame(session, plan, place, facts).count()

    def _put_aside(self, job: Job, place: str, file: FileVersion) -> tuple[int, str]:
        with self._sessions.asking(f"putting lines of {file.path} aside") as session:
            return put_aside(session, place, file, job.format, job.source.store)

    def _create(self, plan: RunPlan) -> None:
        key = plan.job.run_id, plan.job.table
        if plan.table is None and key not in self._created:
            with self._sessions.asking(f"creating {plan.job.table}") as session:
                create_table(session, plan.job.table, schema_of(plan.columns))
            self._created.add(key)

    def _writer(self, job: Job) -> Writer:
        source: Any = client(job.source.store)
        return Writer(self._sessions, job.table, lambda: self._metadata(job.table), lambda file: head(source, file))

    def _copies(self, source: Source, table: Table) -> Copies:
        return Copies(source.store, self._store, location_of(table, self._warehouses))

    def _metadata(self, table: Table) -> Metadata | None:
        return read_metadata(self._s3(), location_of(table, self._warehouses))

    def _s3(self) -> Any:
        if self._client is None:
            self._client = client(self._store)
        return self._client


def _frame(session: SparkSession, plan: RunPlan, place: str, facts: FileFacts) -> DataFrame:
    target: StructType = schema_of(plan.columns)
    if facts.bad_lines:
        return rows_of_lines(session, place, target)
    return rows_of_file(session, plan.job.format, place, schema_of(facts.columns), target)


def _key(file: FileVersion) -> tuple[str, str, int]:
    return file.path, file.etag, file.size


def _live(load: Load | None) -> Load | None:
    return None if load is None or load.replaced else load


def _uuid(plan: RunPlan) -> str | None:
    return plan.table.uuid if plan.table is not None else None


def _result(
    file: FileVersion, load: Load, *, already_written: bool, aside: tuple[int, str | None] = (0, None)
) -> LoadResult:
    return LoadResult(
        file=file,
        records_ingested=load.records,
        bytes_read=file.size,
        bytes_written=load.bytes_written,
        snapshot_id=load.snapshot_id,
        table_uuid=load.table_uuid,
        already_written=already_written,
        records_quarantined=aside[0],
        quarantine_path=aside[1],
    )
