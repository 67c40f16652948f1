"""The engine as the worker uses it: one object a cluster, one plan a run, one call a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType

from pipeline_checks.pipelines.ingestion.flow.engine.model import (
    ClusterProbe,
    DropResult,
    FileVersion,
    Format,
    Job,
    LoadResult,
    Preview,
    RunPlan,
    SchemaChange,
    Source,
    Store,
    Table,
    TableState,
)


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
        raise NotImplementedError

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the session back; the next call opens another one."""

    def plan(self, job: Job, files: Sequence[FileVersion]) -> RunPlan:
        """Look into all files at once and return what loading them means; nothing is written.

        Types are merged in the order of ``files``, starting from the table's own: what does not fit is refused, and
        the files behind it are judged without it. Files whose version the table already has are not looked into.

        Raises EngineError of a type of ``OF_A_RUN`` only: what is wrong with one file stands in ``refused``.
        """
        raise NotImplementedError

    def evolve(self, plan: RunPlan) -> tuple[SchemaChange, ...]:
        """Alter the table as ``plan.changes`` says and return those changes; call it once, before the first load.

        What was altered and not recorded because of a crash shows in the next plan: ``plan.table.columns`` differs
        from the columns last recorded.
        """
        raise NotImplementedError

    def load_file(self, plan: RunPlan, file: FileVersion) -> LoadResult:
        """Append one file of the plan in one commit, or find that it is already in the table.

        The append is staged, looked at (same object as listed, as many rows as it has lines) and then published, so
        that a file that is changed or deleted meanwhile leaves nothing in the table, and calling this again after a
        crash at any point neither loses nor doubles a row. An empty file writes nothing.

        Raises EngineError; the table is then as it was.
        """
        raise NotImplementedError

    def replace_file(self, plan: RunPlan, file: FileVersion, old: FileVersion) -> LoadResult:
        """Take the rows of ``old`` out and append those of ``file``, which readers see at one moment.

        Raises EngineError, ``REPLACE_NOT_POSSIBLE`` where the data files of ``old`` are not all in the table as they
        were written; the table is then as it was.
        """
        raise NotImplementedError

    def preview(self, source: Source, format: Format, *, files: int, rows: int) -> Preview:
        """Look into the first ``files`` files and ``rows`` rows of a source and write nothing.

        Raises EngineError.
        """
        raise NotImplementedError

    def drop_table(self, table: Table) -> DropResult:
        """Drop a table where it exists, with its data and metadata files.

        Raises EngineError of a type of ``OF_A_RUN``, or ``WRITE_FAILED``.
        """
        raise NotImplementedError

    def table_state(self, table: Table) -> TableState | None:
        """Return what the table is now, None where it does not exist. Asks the store, not Spark.

        Raises EngineError of a type of ``OF_A_RUN``.
        """
        raise NotImplementedError

    def probe(self) -> ClusterProbe:
        """Ask the cluster what it is.

        Raises EngineError ``CLUSTER_UNAVAILABLE``.
        """
        raise NotImplementedError
