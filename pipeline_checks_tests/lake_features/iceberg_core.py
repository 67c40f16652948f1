"""What Spark's SQL cannot write into an Iceberg table, through the Java core API in Spark's own JVM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pipeline_checks_tests.lake_features.recipe import Step


def equality_deletes(column: str, values: Sequence[Any], partition: Sequence[Any] | None = None) -> Step:
    """Delete the rows with these values of a column by an equality delete, in one partition or the whole table."""

    def write(spark: Any, name: str) -> None:
        jvm = spark._jvm
        table = _table(spark, name)
        schema = table.schema().select([column])
        identity = spark.sparkContext._gateway.new_array(jvm.int, 1)
        identity[0] = schema.findField(column).fieldId()
        factory = (
            getattr(jvm, "org.apache.iceberg.data.GenericFileWriterFactory$Builder")(table)
            .equalityFieldIds(identity)
            .equalityDeleteRowSchema(schema)
            .build()
        )
        place = None
        spec = jvm.org.apache.iceberg.PartitionSpec.unpartitioned()
        if partition is not None:
            spec, place = table.spec(), jvm.org.apache.iceberg.data.GenericRecord.create(table.spec().partitionType())
            for i, value in enumerate(partition):
                place.set(i, value)
        file = table.io().newOutputFile(f"{table.location()}/data/equality-{uuid4().hex}.parquet")
        encrypted = jvm.org.apache.iceberg.encryption.EncryptedFiles.plainAsEncryptedOutput(file)
        writer = factory.newEqualityDeleteWriter(encrypted, spec, place)
        names = spark.sparkContext._gateway.new_array(jvm.java.lang.String, 1)
        names[0] = column
        # The rows as they are: py4j would hand over a small long as an Integer.
        found = jvm.org.apache.iceberg.data.IcebergGenerics.read(table).select(names).build().iterator()
        while found.hasNext():
            record = found.next()
            if record.getField(column) in values:
                writer.write(record)
        writer.close()
        table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()
        spark.sql(f"refresh table {name}")

    return write


def default_value(column: str, value: int) -> Step:
    """Add a column of integers whose value in the rows that are there already is ``value``."""

    def write(spark: Any, name: str) -> None:
        iceberg = spark._jvm.org.apache.iceberg
        type_ = getattr(spark._jvm, "org.apache.iceberg.types.Types$IntegerType").get()
        literal = iceberg.expressions.Expressions.lit(value)
        _table(spark, name).updateSchema().addColumn(column, type_, None, literal).commit()
        spark.sql(f"refresh table {name}")

    return write


def roll_back_to_first(spark: Any, name: str) -> None:
    """Make the table's first snapshot its current one."""
    first = spark.sql(f"select snapshot_id from {name}.snapshots order by committed_at limit 1").first()[0]
    catalog, _, table = name.partition(".")
    spark.sql(f"call {catalog}.system.rollback_to_snapshot('{table}', {first})")


def stage_rows_unpublished(spark: Any, name: str) -> None:
    """Write a snapshot that waits to be published (write, audit, publish)."""
    spark.conf.set("spark.wap.id", "waiting")
    try:
        spark.sql(f"insert into {name} values (999, 'staged', 1.0D, timestamp'2026-02-02 00:00:00')")
    finally:
        spark.conf.unset("spark.wap.id")


def _table(spark: Any, name: str) -> Any:
    return spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, name)
