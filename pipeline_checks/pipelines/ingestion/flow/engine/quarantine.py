"""Finds the lines of a file that cannot be read, by number, and puts them beside the source."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql.types import StringType, StructField, StructType

from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, refusal, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import QUARANTINE_FOLDER, FileVersion, Format, Store
from pipeline_checks.pipelines.ingestion.flow.engine.reading import (
    MALFORMED,
    ddl,
    is_lines,
    kind,
    lines,
    reader,
    text_options,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ONE_PIECE: Final = {
    "spark.sql.files.maxPartitionBytes": str(2**62),
    "spark.sql.files.minPartitionNum": "1",
}


@contextmanager
def _in_one_piece(session: SparkSession) -> Iterator[None]:
    """Read each file by one task while this lasts: only so do its lines have numbers."""
    before = {name: session.conf.get(name, None) for name in _ONE_PIECE}
    for name, value in _ONE_PIECE.items():
        session.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                session.conf.unset(name)
            else:
                session.conf.set(name, old)


def first_bad_line(session: SparkSession, place: str, format: Format) -> int:
    """Return the number, from 1, of the first line that cannot be read."""
    from pyspark.sql.connect import functions as f

    with _in_one_piece(session):
        found = _bad_lines(session, place, format).agg(f.min("line").alias("line")).toArrow().to_pylist()
    return int(found[0]["line"] or 0)


def put_aside(session: SparkSession, place: str, file: FileVersion, format: Format, store: Store) -> tuple[int, str]:
    """Write the lines that cannot be read as NDJSON beside the source; return how many, and the object's path.

    One object a file version, written over by a second attempt: ``{"line": 7, "text": "..."}``, with ``base64`` in
    place of ``text`` where the line is no text.
    """
    with _in_one_piece(session):
        found = _bad_lines(session, place, format).orderBy("line").toArrow().to_pylist()
    body = "".join(f"{json.dumps(_document(row), ensure_ascii=False)}\n" for row in found)
    path = quarantine_path(file)
    bucket, key = split_path(path)
    try:
        target: Any = client(store)
        target.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/x-ndjson")
    except Exception as problem:  # errors of boto3, and of its transport, share no root
        raise refusal(problem, None, path) from None
    return len(found), path


def quarantine_path(file: FileVersion) -> str:
    """Return where the lines of a file version are put aside.

    >>> from datetime import datetime
    >>> quarantine_path(FileVersion("s3://landing/data/a.json", "e1", 3, datetime(2026, 1, 1)))
    's3://landing/data/_quarantine/a.json.e1.ndjson'
    """
    folder, _, name = file.path.rpartition("/")
    return f"{folder}/{QUARANTINE_FOLDER}/{name}.{file.etag}.ndjson"


def _document(row: dict[str, Any]) -> dict[str, Any]:
    content: bytes = row["content"]
    try:
        return {"line": row["line"], "text": content.decode()}
    except UnicodeDecodeError:
        return {"line": row["line"], "base64": base64.b64encode(content).decode()}


def _bad_lines(session: SparkSession, place: str, format: Format) -> DataFrame:
    """Return ``line`` and ``content`` of the lines that cannot be read."""
    from pyspark.sql.connect import functions as f

    numbered = lines(session, [place]).select("value", "parsed", (f.monotonically_increasing_id() + 1).alias("line"))
    content = f.col("value").cast("binary").alias("content")
    if is_lines(format):
        return numbered.where(kind() == "bad").select("line", content)
    columns = reader(session, format, mode="PERMISSIVE").option("inferSchema", "true").load(place).columns
    fields = [StructField(name, StringType()) for name in columns if name != MALFORMED]
    schema = ddl(StructType([*fields, StructField(MALFORMED, StringType())]))
    options = {**text_options(format), "mode": "PERMISSIVE", "columnNameOfCorruptRecord": MALFORMED}
    parsed = f.from_csv(f.col("value"), schema, options)
    return numbered.where(parsed[MALFORMED].isNotNull()).select("line", content)
