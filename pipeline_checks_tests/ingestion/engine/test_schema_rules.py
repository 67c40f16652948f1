"""What a file may bring into a table that exists, and what it may not: each rule both ways."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_checks_tests.ingestion.engine.loading import Loading, lines

FIRST = {"id": 1, "amount": 1.5, "count": 1, "note": "a", "meta": {"a": 1}, "tags": [{"k": "x"}]}


def test_files_of_one_run_are_looked_at_together_before_the_table_is_made(loading: Loading) -> None:
    loading.place.put("a.json", lines({"id": 1, "value": 10}))
    loading.place.put("b.json", lines({"id": 2, "value": 10.5, "extra": None}))
    loading.place.put("c.json", lines({"id": 3, "value": "text"}))
    run = loading.run()
    assert run.words == {"c.json": "SCHEMA_INCOMPATIBLE"}
    assert loading.columns() == {"id": "bigint", "value": "double"}
    assert [row["value"] for row in loading.rows()] == [10.0, 10.5]
    refusal = run.refused["c.json"]
    assert (refusal.column, refusal.old_type, refusal.new_type) == ("value", "double", "string")


def test_an_existing_table_takes_what_fits_and_refuses_the_rest(loading: Loading) -> None:
    loading.place.put("0.json", lines(FIRST))
    assert loading.run().words == {}
    files: dict[str, Any] = {
        "new_column": {"id": 2, "x y`;--": True},
        "new_nested": {"id": 3, "meta": {"b": "deep"}, "tags": [{"k": "y", "n": 1}]},
        "whole_number": {"id": 4, "amount": 7},
        "absent": {"id": 5},
        "nulls": {"id": 6, "note": None, "unknown": None},
        "to_floating": {"id": 10, "count": 1.5},
        "to_text": {"id": 11, "amount": "7"},
        "to_number": {"id": 12, "note": 7},
        "to_struct": {"id": 13, "note": {"a": 1}},
        "nested_text": {"id": 14, "meta": {"a": "x"}},
        "case": {"id": 15, "ID": 15},
        "case_of_the_table": {"id": 16, "Note": "a"},
        "mixed": ['{"id": 17, "new": 1}', '{"id": 18, "new": "x"}'],
    }
    for name, content in files.items():
        loading.place.put(f"{name}.json", lines(*content) if isinstance(content, list) else lines(content))
    run = loading.run()
    refused = set(list(files)[5:])
    assert run.words == {f"{name}.json": "SCHEMA_INCOMPATIBLE" for name in refused}
    assert {name: (e.column, e.old_type, e.new_type) for name, e in run.refused.items()} == {
        "to_floating.json": ("count", "bigint", "double"),
        "to_text.json": ("amount", "double", "string"),
        "to_number.json": ("note", "string", "bigint"),
        "to_struct.json": ("note", "string", "struct<a:bigint>"),
        "nested_text.json": ("meta.a", "bigint", "string"),
        "case.json": ("id", "ID", "id"),
        "case_of_the_table.json": ("Note", "note", "Note"),
        "mixed.json": ("new", "bigint", "string"),
    }
    assert {(c.column_name, c.new_type) for c in run.changes} == {
        ("x y`;--", "boolean"),
        ("meta.b", "string"),
        ("tags.element.n", "bigint"),
    }
    rows = loading.rows()
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["amount"] for row in rows] == [1.5, None, None, 7.0, None, None]
    assert rows[1]["x y`;--"] is True
    assert rows[2]["meta"] == {"a": None, "b": "deep"}
    assert rows[2]["tags"] == [{"k": "y", "n": 1}]
    assert rows[0]["tags"] == [{"k": "x", "n": None}]


def test_without_evolution_what_is_new_is_refused_and_nothing_is_written(loading: Loading) -> None:
    loading.place.put("0.json", lines({"id": 1}))
    assert loading.run(evolution_enabled=False).words == {}
    snapshot = loading.state.snapshot_id
    loading.place.put("1.json", lines({"id": 2, "new": 1}))
    run = loading.run(evolution_enabled=False)
    assert run.words == {"1.json": "SCHEMA_EVOLUTION_DISABLED"}
    assert (run.refused["1.json"].column, run.changes, loading.state.snapshot_id) == ("new", (), snapshot)
    assert loading.columns() == {"id": "bigint"}


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_numbers_are_widened_and_rows_that_are_there_keep_their_values(loading: Loading) -> None:
    narrow = {
        "id": pa.array([1], pa.int32()),
        "f": pa.array([1.5], pa.float32()),
        "d": pa.array([Decimal("1.25")], pa.decimal128(5, 2)),
    }
    wide = {
        "id": pa.array([2**40], pa.int64()),
        "f": pa.array([0.1], pa.float64()),
        "d": pa.array([Decimal("1234567.25")], pa.decimal128(9, 2)),
    }
    loading.place.put("0.parquet", parquet(**narrow))
    assert loading.run(type="parquet").words == {}
    assert loading.columns() == {"id": "int", "f": "float", "d": "decimal(5,2)"}
    loading.place.put("1.parquet", parquet(**wide))
    loading.place.put("2.parquet", parquet(**{**narrow, "id": pa.array([3], pa.int16())}))
    loading.place.put("3.parquet", parquet(id=pa.array(["4"])))
    run = loading.run(type="parquet")
    assert run.words == {"3.parquet": "SCHEMA_INCOMPATIBLE"}
    assert {(c.change_type, c.column_name, c.old_type, c.new_type) for c in run.changes} == {
        ("type_widened", "id", "int", "bigint"),
        ("type_widened", "f", "float", "double"),
        ("type_widened", "d", "decimal(5,2)", "decimal(9,2)"),
    }
    assert [tuple(row.values()) for row in loading.rows()] == [
        (1, 1.5, Decimal("1.25")),
        (3, 1.5, Decimal("1.25")),
        (2**40, 0.1, Decimal("1234567.25")),
    ]
