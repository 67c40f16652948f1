"""The same records in every format are the same rows."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet
import pytest

from pipeline_checks.pipelines.ingestion.flow.payload import records
from pipeline_checks_tests.ingestion.engine.loading import Loading

ROWS = list(records(0, 1000))
TYPES = {"id": "bigint", "timestamp": "string", "user_id": "string", "event_type": "string", "value": "double"}


def written(format: str) -> bytes:
    """Return the records as a file."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(ROWS)
    if format == "csv":
        pyarrow.csv.write_csv(table, out)
    elif format == "parquet":
        pyarrow.parquet.write_table(table, out)
    elif format == "orc":
        pyarrow.orc.write_table(table, out)
    else:
        import fastavro

        fields = [{"name": n, "type": ["null", {"bigint": "long"}.get(t, t)]} for n, t in TYPES.items()]
        fastavro.writer(out, {"type": "record", "name": "r", "fields": fields}, ROWS)
    return out.getvalue()


@pytest.mark.parametrize("format", ["csv", "parquet", "avro", "orc"])
def test_every_format_gives_the_same_rows(loading: Loading, format: Any) -> None:
    loading.place.put(f"a.{format}", written(format))
    options = {"header": True} if format == "csv" else {}
    run = loading.run(type=format, options=options)
    assert (run.words, run.records) == ({}, 1000)
    assert loading.columns() == TYPES
    assert loading.rows() == ROWS
    assert all(one.already_written for one in loading.run(type=format, options=options).loaded.values())


def test_csv_is_read_by_its_own_header_and_bad_lines_are_told(loading: Loading) -> None:
    loading.place.put("a.csv", b"id;name\n1;'x;y'\n2;z\n")
    loading.place.put("b.csv", b"name;id\nw;3\n")
    loading.place.put("bad.csv", b"id;name\n4;v\n\n5\n6;u;t\n")
    options = {"header": True, "delimiter": ";", "quote": "'"}
    run = loading.run(type="csv", options=options)
    assert run.words == {"bad.csv": "MALFORMED_RECORD"}
    assert (run.refused["bad.csv"].line, run.refused["bad.csv"].lines) == (4, 2)
    assert [(row["id"], row["name"]) for row in loading.rows()] == [(1, "x;y"), (2, "z"), (3, "w")]


def test_json_over_several_lines_is_read_when_it_is_asked_for(loading: Loading) -> None:
    loading.place.put("a.json", b'[{"id": 1,\n"value": 2.5},\n{"id": 2}]')
    assert loading.run().words == {"a.json": "MALFORMED_RECORD"}
    assert loading.run(options={"multiline": True}).records == 2
    assert loading.rows() == [{"id": 1, "value": 2.5}, {"id": 2, "value": None}]
