"""``python -m pipeline_checks_tests.lake_features.making FOLDER [rare]``: one Spark session makes the tables.

What Spark reads of them stands afterwards in ``FOLDER/truth``, one Arrow file for each version, and ``truth.json``
lists the versions by table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline_checks.clients.spark import end, session, session_settings
from pipeline_checks_tests.lake_features import delta_recipes, iceberg_recipes
from pipeline_checks_tests.lake_features.recipe import Recipe

CATALOG, NAMESPACE = "ice", "f"
_THREADS = 3
"""Most of the time of a statement that writes few rows is planning, in one thread."""
_QUICK = {
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # What is made is small, so that compiling its queries takes longer than running them as they are.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
    f"spark.sql.catalog.{CATALOG}.type": "jdbc",
    f"spark.sql.catalog.{CATALOG}.jdbc.schema-version": "V1",
    f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
}


def catalog_url(folder: Path) -> str:
    """Return the URL of the Iceberg tables' catalog, as pyiceberg takes it."""
    return f"sqlite:///{folder}/catalog.db"


def warehouse(folder: Path) -> str:
    """Return where the Iceberg tables lie."""
    return f"file://{folder}/warehouse"


class Maker:
    """Makes tables with a session and writes down what Spark reads of them."""

    def __init__(self, spark: Any, folder: Path) -> None:
        self._spark = spark
        self._folder = folder

    def delta(self, recipe: Recipe) -> list[str]:
        """Make a Delta table; return its newest versions, oldest first."""
        path = str(self._folder / "delta" / recipe.name)
        self._follow(recipe, f"delta.`{path}`", path)
        history = self._spark.sql(f"describe history delta.`{path}`").select("version").collect()
        newest = max(row[0] for row in history)
        # What the log was cleaned of cannot be asked for any more.
        first = min(int(file.stem) for file in Path(path, "_delta_log").glob("*.json") if file.stem.isdigit())
        versions = sorted({v for v in (first, 1, newest - 1, newest) if first <= v <= newest})
        for version in versions:
            self._read("delta", recipe, str(version), f"delta.`{path}` version as of {version}")
        return [str(v) for v in versions]

    def iceberg(self, recipe: Recipe) -> list[str]:
        """Make an Iceberg table; return its snapshots, oldest first, those of other branches last."""
        name = f"{CATALOG}.{NAMESPACE}.{recipe.name}"
        self._follow(recipe, name, name)
        found = self._spark.sql(
            f"select snapshot_id from {name}.history where is_current_ancestor order by made_current_at"
        ).collect()
        snapshots = list(dict.fromkeys(str(row[0]) for row in found))
        branches = self._spark.sql(f"select snapshot_id from {name}.refs where name <> 'main'").collect()
        named = dict.fromkeys(str(row[0]) for row in branches)
        for snapshot in {*snapshots, *named}:
            newest = snapshot == snapshots[-1]
            self._read("iceberg", recipe, snapshot, name if newest else f"{name} version as of {snapshot}")
        return [*[s for s in named if s not in snapshots], *snapshots]

    def _follow(self, recipe: Recipe, table: str, place: str) -> None:
        for step in recipe.steps:
            if callable(step):
                step(self._spark, place)
            else:
                self._spark.sql(step.replace("$T", table).replace("$N", f"{NAMESPACE}.{recipe.name}"))

    def _read(self, kind: str, recipe: Recipe, version: str, table: str) -> None:
        rows = self._spark.sql(f"select {recipe.read_as} from {table}").toArrow()
        path = str(self._folder / "truth" / f"{kind}-{recipe.name}-{version}.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows)


def _activate(spark: Any) -> None:
    """Make the session this thread's own: each thread of Python has one of the JVM, and plans ask that for it."""
    spark._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(spark._jsparkSession)


def make(folder: Path, recipes: Mapping[str, Sequence[Recipe]]) -> None:
    """Make the tables, by kind, and write ``truth.json``."""
    (folder / "truth").mkdir(parents=True)
    settings = session_settings(lakes=True) | _QUICK
    settings[f"spark.sql.catalog.{CATALOG}.uri"] = f"jdbc:{catalog_url(folder).replace('///', '', 1)}"
    settings[f"spark.sql.catalog.{CATALOG}.warehouse"] = warehouse(folder)
    spark = session("lake features", settings)
    try:
        maker = Maker(spark, folder)
        spark.sql(f"create namespace {CATALOG}.{NAMESPACE}")

        def icebergs() -> dict[str, list[str]]:
            # One after the other: SQLite lets only one write.
            return {recipe.name: maker.iceberg(recipe) for recipe in recipes["iceberg"]}

        with ThreadPoolExecutor(_THREADS, initializer=_activate, initargs=(spark,)) as pool:
            iceberg = pool.submit(icebergs)
            deltas = {recipe.name: pool.submit(maker.delta, recipe) for recipe in recipes["delta"]}
            made = {"delta": {name: one.result() for name, one in deltas.items()}, "iceberg": iceberg.result()}
        (folder / "truth.json").write_text(json.dumps(made))
    except Exception as problem:
        problem.add_note(str(problem)[:3000])  # asked of the JVM, which has ended when the process tells the problem
        raise
    finally:
        end(spark, 60)


if __name__ == "__main__":
    wanted = "RARE" if "rare" in sys.argv[2:] else "COMMON"
    make(Path(sys.argv[1]), {"delta": getattr(delta_recipes, wanted), "iceberg": getattr(iceberg_recipes, wanted)})
