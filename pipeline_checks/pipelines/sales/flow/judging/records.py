"""Records of Kafka as Spark hands them over, with their value as text and parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.pipelines.sales.flow.judging.expressions import CORRUPT, RAW, rough

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def named(records: DataFrame, schema: str) -> DataFrame:
    """Return the records with value as text, parsed by ``schema``, whether it is rough, and the header ``run_id``."""
    run = "CAST(filter(headers, h -> h.key = 'run_id')[0].value AS STRING)"
    options = f"map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '{CORRUPT}')"
    return records.selectExpr(
        "topic", "partition", "offset", "timestamp", "CAST(value AS STRING) AS value", f"{run} AS run_id"
    ).selectExpr("*", f"from_json(value, '{schema}', {options}) AS {RAW}", f"{rough()} AS rough")
