"""What sort of records a topic has, told from some of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_checks.introspection.records import AVRO, ENVELOPES, FLATTENED, JSON, OTHER, Sample, Told, tell


def told(*values: Any, keys: Any = None) -> Told:
    """Of records whose values are what is written as JSON, or bytes as they are."""
    named = keys if isinstance(keys, list) else [keys] * len(values)
    return tell(Sample([(as_bytes(k), as_bytes(v)) for k, v in zip(named, values, strict=True)]))


def as_bytes(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def types(found: Told) -> dict[str, str]:
    return {name: str(column.type) for name, column in found.columns.items()}


def envelope(op: str, after: dict[str, Any] | None) -> dict[str, Any]:
    return {"op": op, "before": None, "after": after, "source": {"db": "shop", "schema": "public", "table": "orders"}}


def test_plain_objects_have_the_types_of_all_their_values() -> None:
    found = told(
        {"n": 1, "x": 1, "s": "a", "at": "2026-01-01T00:00:00Z"}, {"n": None, "x": 1.5, "b": True, "o": {"a": 1}}
    )
    assert (found.format, found.key) == (JSON, ())
    assert types(found) == {
        "n": "int64",
        "x": "float64",
        "s": "string",
        "at": "timestamptz",
        "b": "bool",
        "o": "json",
    }


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00.5Z"], "timestamptz"),
        (["2026-01-01T00:00:00"], "string"),  # of which place is not said
        (["2026-01-01T00:00:00Z", "soon, or a little later"], "string"),
        (["2026-01-01"], "string"),
        ([None], "string"),
    ],
)
def test_text_is_an_instant_only_where_all_of_it_is(texts: list[str | None], kind: str) -> None:
    assert types(told(*({"at": text} for text in texts))) == {"at": kind}


def test_fields_of_the_key_are_columns_too() -> None:
    found = told({"page": "/"}, {"page": "/a"}, keys={"id": 7})
    assert (types(found), found.key) == ({"id": "int64", "page": "string"}, ("id",))
    assert told({"page": "/"}, keys="plain text").key == ()
    assert told({"page": "/"}, {"page": "/"}, keys=[{"id": 7}, None]).key == ()


def test_change_events_say_of_which_table_they_are() -> None:
    found = told(envelope("c", {"id": 1, "note": "x"}), envelope("d", None), keys={"id": 1})
    assert (found.format, found.of_table, found.key) == (ENVELOPES, ("shop", "public", "orders"), ("id",))
    assert types(found) == {"id": "int64", "note": "string"}
    assert told({"id": 1, "__op": "c"}, keys={"id": 1}).format == FLATTENED


def test_an_embedded_schema_tells_the_types() -> None:
    fields = [{"field": "day", "type": "int32", "name": "io.debezium.time.Date", "optional": False}]
    found = told({"schema": {"type": "struct", "fields": fields}, "payload": {"day": 19000}})
    assert (found.format, types(found)) == (JSON, {"day": "date"})
    assert found.columns["day"].nullable is False


@pytest.mark.parametrize(
    ("values", "keys", "reason"),
    [
        ([], None, "no record with a value"),
        ([None], None, "no record with a value"),
        ([b"\x89PNG"], None, "neither JSON nor Avro"),
        ([[1, 2]], None, "no JSON objects"),
        ([{"ts_ms": 1}], None, "heartbeats"),
        ([{"status": "BEGIN", "id": "1:2", "event_count": None}], None, "of transactions"),
        ([{"state": "RUNNING"}], b"status-task-x-0", "Kafka Connect keeps"),
        ([{"lsn": 5}], b'["x",{"server":"shop"}]', "Kafka Connect keeps"),
    ],
)
def test_what_is_nobodys_rows_says_why(values: list[Any], keys: Any, reason: str) -> None:
    found = told(*values, keys=keys)
    assert found.format == OTHER
    assert reason in found.reason


def test_avro_names_its_schema() -> None:
    found = told(b"\x00\x00\x00\x00\x07xyz", b"\x00\x00\x00\x00\x08xyz")
    assert (found.format, found.schema_id) == (AVRO, 8)
