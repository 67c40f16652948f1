"""Makes a JVM of Spark load the classes that the movers of pipelines need, so that it can archive them at its end.

Run as a program by ``stack.archives.make_spark_archive``, with the home of the run as working place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_checks.clients.settings import home
from pipeline_checks.clients.spark import end, session, session_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

END_SECONDS: Final = 600.0
"""How long the JVM may take to write the archive."""
_CATALOG: Final = "training"


def main() -> int:
    """Read and write what movers do, in a folder below the home; returns 0."""
    folder = home() / "training"
    settings = {
        **session_settings(lakes=True, memory="600m"),
        f"spark.sql.catalog.{_CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
        f"spark.sql.catalog.{_CATALOG}.type": "hadoop",
        f"spark.sql.catalog.{_CATALOG}.warehouse": str(folder / "iceberg"),
    }
    spark = session("training", settings)
    _stream(spark, folder)
    _tables(spark, folder)
    end(spark, END_SECONDS)
    return 0


def _stream(spark: SparkSession, folder: Path) -> None:
    # Nothing is read from the broker, which need not be there: the classes of the source are loaded all the same.
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", "127.0.0.1:9").option("subscribe", "t").load()
    events = folder / "events"
    events.mkdir(parents=True)
    lines = (json.dumps({"id": n, "amount": f"{n}.50", "at": "2026-01-01T00:00:00Z"}) for n in range(100))
    (events / "events.json").write_text("\n".join(lines), encoding="utf-8")

    def batch(rows: DataFrame, _: int) -> None:
        typed = rows.selectExpr("id", "CAST(amount AS DECIMAL(10,2)) AS amount", "to_timestamp(at) AS at", "to_json(s)")
        typed.coalesce(2).toArrow()

    records = spark.readStream.schema("id INT, amount STRING, at STRING, s STRUCT<a: INT>").json(str(events))
    writer = records.writeStream.foreachBatch(batch).option("checkpointLocation", str(folder / "checkpoint"))
    writer.trigger(availableNow=True).start().awaitTermination(60)


def _tables(spark: SparkSession, folder: Path) -> None:
    delta = str(folder / "delta")
    rows = spark.range(100).selectExpr("id", "CAST(id AS STRING) AS name", "id % 7 AS part")
    rows.write.format("delta").save(delta)
    rows.writeTo(f"{_CATALOG}.db.rows").using("iceberg").create()
    for table in (f"delta.`{delta}`", f"{_CATALOG}.db.rows"):
        spark.sql(f"SELECT part, count(*), max(name) FROM {table} GROUP BY part ORDER BY part").toArrow()


if __name__ == "__main__":
    sys.exit(main())
