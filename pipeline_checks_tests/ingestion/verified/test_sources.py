"""Files of every format against one table, and tables as a hadoop catalog may leave them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest
from fastavro import parse_schema, writer
from pyarrow import parquet

from pipeline_checks.clients.hadoop_catalog import load_hadoop_table
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.ingestion.flow.payload import BASE_FIELDS, record
from pipeline_checks_tests.ingestion.verified.loaded import LAKE, Loaded, found, of, verdicts

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

ROWS = [record(number) for number in range(50)]
AVRO = {"id": "long", "timestamp": "string", "user_id": "string", "event_type": "string", "value": "double"}


def as_csv() -> bytes:
    text = io.StringIO()
    written = csv.DictWriter(text, BASE_FIELDS)
    written.writeheader()
    written.writerows(ROWS)
    return text.getvalue().encode()


def as_parquet() -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


def as_avro() -> bytes:
    stream = io.BytesIO()
    fields: list[dict[str, Any]] = [{"name": name, "type": type_} for name, type_ in AVRO.items()]
    writer(stream, parse_schema({"type": "record", "name": "event", "fields": fields}), ROWS)
    return stream.getvalue()


def test_every_format_gives_the_same_digest(loaded: Loaded) -> None:
    loaded.table.create(BASE_FIELDS)
    made = {"json": ROWS, "csv": as_csv(), "parquet": as_parquet(), "avro": as_avro()}
    files = {name: loaded.put(f"rows.{name}", content) for name, content in made.items()}  # type: ignore[arg-type]
    digests = set()
    for name, file in files.items():
        loaded.ledger.run({file: loaded.load(file, ROWS)})
        result = loaded.check(format=name, pattern=f"*.{name}")
        content = of(result, "table", "content").judgement
        assert found(result) == set(), name
        digests.add((content.measures["digest"], content.measures["source_digest"]))
        assert content.measures["records"] == 50
        loaded.ledger.forget(file)
        loaded.table.delete("id >= 0")
    assert len(digests) == 1


def test_the_newest_metadata_is_found_where_the_hint_is_behind_or_gone(loaded: Loaded) -> None:
    loaded.usual(2, 5)
    folder = f"warehouse-{loaded.prefix}lake/events/metadata/"
    newest = load_hadoop_table(loaded.table.warehouse, "lake.events").metadata_location
    loaded.store.write(LAKE, f"{folder}version-hint.text", b"1")
    assert load_hadoop_table(loaded.table.warehouse, "lake.events").metadata_location == newest
    loaded.store.remove(LAKE, f"{folder}version-hint.text")
    loaded.store.remove(LAKE, f"{folder}v1.metadata.json")
    assert load_hadoop_table(loaded.table.warehouse, "lake.events").metadata_location == newest
    assert verdicts(loaded.check()) == {}


def test_a_table_that_is_not_there_is_told_as_absent(loaded: Loaded) -> None:
    with pytest.raises(TerminalError, match="no such table") as refused:
        load_hadoop_table(loaded.table.warehouse, "lake.nothing")
    assert refused.value.data["absent"] is True


@pytest.mark.soak
def test_a_hundred_thousand_rows_are_compared_line_by_line(loaded: Loaded) -> None:
    loaded.usual(4, 20_000, evolved=1)
    loaded.table.delete("id in (7, 59999)")
    result = loaded.check(deadline=60)
    content = of(result, "table", "content")
    told = {(f.kind, (f.key or {})["first_line"]) for f in content.judgement.findings}
    assert told == {("missing", 8), ("missing", 20_000)}
    assert content.judgement.measures["records"] == 100_000
    assert content.seconds < 60
