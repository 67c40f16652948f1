"""The records of a file with their lines, whatever the file is made of."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest
from fastavro import parse_schema, writer
from pyarrow import orc, parquet

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stages.file_records import records_of
from pipeline_checks.stages.load_words import file_of, run_of, schema_of
from pipeline_checks.stages.s3_files import S3Files

ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]


def declared(**fields: Any) -> S3Files:
    return S3Files.model_validate({"name": "files", "bucket": "b", **fields})


def test_lines_are_counted_from_one_and_blank_ones_are_none() -> None:
    found = records_of(b'\xef\xbb\xbf{"id": 1}\r\n\n  \n{"id": 2}', declared())
    assert found.records == [(1, {"id": 1}), (4, {"id": 2})]
    assert (found.malformed, found.total) == ([], 2)


def test_lines_that_are_no_objects_are_told() -> None:
    found = records_of(b'{"id": 1}\n{"id": \n[1]\n"x"\nNaN\n{"id": 123456789012345678901234567890}\n', declared())
    assert found.malformed == [2, 3, 4, 5]
    assert found.records[-1] == (6, {"id": 123456789012345678901234567890})


def test_csv_has_the_line_on_which_a_row_begins_and_texts() -> None:
    found = records_of(b'id,name\n1,"a\nb"\n\n2,\n', declared(format="csv"))
    assert found.records == [(2, {"id": "1", "name": "a\nb"}), (5, {"id": "2", "name": None})]
    assert found.are_texts
    bare = records_of(b"1;x\n", declared(format="csv", header=False, delimiter=";"))
    assert bare.records == [(1, {"_c0": "1", "_c1": "x"})]


def test_parquet_orc_and_avro_are_told_by_number() -> None:
    table, columns, avro = io.BytesIO(), io.BytesIO(), io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), table)
    orc.write_table(pa.Table.from_pylist(ROWS), columns)
    fields = [{"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]}]
    writer(avro, parse_schema({"type": "record", "name": "r", "fields": fields}), ROWS)
    for format_, content in (("parquet", table), ("orc", columns), ("avro", avro)):
        assert records_of(content.getvalue(), declared(format=format_)).records == list(enumerate(ROWS, 1))
        with pytest.raises(TerminalError, match=f"no {format_}"):
            records_of(b"something else", declared(format=format_))


def test_what_a_service_says_is_read_from_rows_and_from_documents() -> None:
    times = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": None}
    base = {"id": "r", "status": "running", "trigger": "manual", **times}
    flat = run_of({**base, "records_ingested": 5, "heartbeat_at": "2026-01-01T00:00:10Z"}, lease=60)
    nested = run_of({**base, "metrics": {"records_ingested": 5}})
    assert flat.counts == nested.counts == {"records_ingested": 5}
    assert flat.lease_until is not None
    assert flat.lease_until.isoformat() == "2026-01-01T00:01:10+00:00"
    told = file_of({"file_path": "s3a://b/k", "file_etag": '"e"', "file_size_bytes": 7, "status": "SUCCESS"})
    assert told.version == ("s3://b/k", "e", 7)
    fields = [{"name": "id", "data_type": "bigint"}]
    assert schema_of({"version": 2, "schema": fields}) == schema_of({"version": 2, "schema_json": fields})
    with pytest.raises(TerminalError, match="'status'"):
        file_of({"file_path": "s3://b/k"})
