"""Runs of the engine as the worker makes them, on a place of a test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import (
    FileVersion,
    Format,
    Job,
    LoadResult,
    RunPlan,
    SchemaChange,
    Source,
    Table,
    TableState,
)
from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks_tests.ingestion.api import DATABASE, Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Run:
    """What became of the files of a run, by the name below the prefix."""

    plan: RunPlan
    changes: tuple[SchemaChange, ...]
    loaded: dict[str, LoadResult] = field(default_factory=dict)
    refused: dict[str, EngineError] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, str]:
        """Why files were refused."""
        return {name: error.error_type for name, error in self.refused.items()}

    @property
    def records(self) -> int:
        """Rows that were written by this run."""
        return sum(one.records_ingested for one in self.loaded.values() if not one.already_written)


@dataclass
class Loading:
    """An ingestion without its service: the engine, a prefix and a table."""

    place: Place
    engine: Engine
    spark: SparkSession
    partition_by: tuple[str, ...] = ()
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def table(self) -> Table:
        """The table of the place."""
        return Table(CATALOG, DATABASE, self.place.name, self.partition_by)

    @property
    def name(self) -> str:
        """The table's name in SQL."""
        return f"`{CATALOG}`.`{DATABASE}`.`{self.place.name}`"

    @property
    def state(self) -> TableState:
        """The table, which is there."""
        found = self.engine.table_state(self.table)
        assert found is not None
        return found

    def job(self, pattern: str | None = None, **format: Any) -> Job:
        """Return what the next run loads."""
        source = Source(self.place.path, self.place.store, pattern)
        return Job("ing_1", f"run-{next(self.numbers)}", source, Format(**format), self.table)

    def run(
        self, pattern: str | None = None, *, before: Callable[[FileVersion], Any] | None = None, **format: Any
    ) -> Run:
        """Load what is there; ``before`` is called before each file is loaded."""
        job = self.job(pattern, **format)
        files = list_files(job.source)
        plan = self.engine.plan(job, files)
        run = Run(plan, self.engine.evolve(plan))
        for file in files:
            name = file.path.removeprefix(self.place.path)
            if before is not None:
                before(file)
            try:
                run.loaded[name] = self.engine.load_file(plan, file)
            except EngineError as error:
                run.refused[name] = error
        return run

    def row(self, *expressions: str, where: str = "true") -> tuple[Any, ...]:
        """Return aggregates over the table."""
        return tuple(self.spark.sql(f"SELECT {', '.join(expressions)} FROM {self.name} WHERE {where}").collect()[0])

    def rows(self, order: str = "id") -> list[dict[str, Any]]:
        """Return the rows of the table, which are few."""
        found: list[dict[str, Any]] = (
            self.spark.sql(f"SELECT * FROM {self.name} ORDER BY {order}").toArrow().to_pylist()
        )
        return found

    def columns(self) -> dict[str, str]:
        """Return the columns of the table with their types."""
        return {column.name: column.data_type for column in self.state.columns}


def lines(*records: Any) -> bytes:
    """Return records as the lines of a file; text stands as it is."""
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records).encode()
