"""A table as Spark reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks_tests.ingestion.api import DATABASE, Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class LakeTable:
    """The table of a place."""

    spark: SparkSession
    place: Place

    @property
    def name(self) -> str:
        """Its name in SQL."""
        return f"`{CATALOG}`.`{DATABASE}`.`{self.place.name}`"

    def row(self, *expressions: str, where: str = "true") -> tuple[Any, ...]:
        """Return aggregates over its rows."""
        return tuple(self.spark.sql(f"SELECT {', '.join(expressions)} FROM {self.name} WHERE {where}").collect()[0])

    def columns(self) -> set[str]:
        """Return the names of its columns."""
        return set(self.spark.table(self.name).columns)

    def snapshots(self) -> list[int]:
        """Return its snapshots, oldest first."""
        found = self.spark.sql(f"SELECT snapshot_id FROM {self.name}.snapshots ORDER BY committed_at").collect()
        return [row[0] for row in found]
