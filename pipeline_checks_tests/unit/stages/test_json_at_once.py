"""Reading and judging many JSON messages at once comes to what each of them gives by itself."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.event_batch import build_table
from pipeline_checks.stages.json_acceptor import JsonAcceptor
from pipeline_checks.stages.json_records import JsonRecords
from pipeline_checks.stages.message_schema import MessageJudge, read_schema
from pipeline_checks.stages.record_columns import RecordColumns, typed

COLUMNS = {n: LogicalType.parse(t) for n, t in {"id": "string", "n": "int64", "x": "float64", "note": "string"}.items()}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "n", "x"],
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "n": {"type": "integer", "minimum": 0, "maximum": 9},
        "x": {"type": "number", "minimum": 0},
        "note": {"type": ["number", "string"], "enum": ["a", "b"]},
    },
}


class Message:
    """A record as the client hands it out."""

    def __init__(self, offset: int, value: bytes | None, key: bytes | None = None, headers: Any = None) -> None:
        self._offset, self._value, self._key, self._headers = offset, value, key, headers

    def partition(self) -> int:
        return self._offset % 2

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Any:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, 1000 + self._offset


def read(values: list[bytes | None], *, at_once: bool, key: tuple[str, ...] = ("id",)) -> tuple[pa.Table, Any, Any]:
    judge = MessageJudge(SCHEMA, "schema")
    decoder = JsonRecords(key, judge, COLUMNS if at_once else None)
    messages: Any = [Message(i, value) for i, value in enumerate(values)]
    decoder.add(messages)
    groups, malformed = decoder.take()
    table = build_table(groups, malformed, COLUMNS, key)
    facts = judge.facts({0: len(values), 1: len(values)})
    return table.table, (facts, judge.wrong, sorted(table.unconvertible.items())), decoder.newest_image


GOOD = {"id": "AB", "n": 3, "x": 1.5, "note": "a"}
ODD: list[bytes | None] = [
    None,
    b"",
    b"{",
    b"[]",
    b"{}",
    b"{}{}",
    b"\xff{}",
    json.dumps({**GOOD, "note": "\u00e4"}).encode(),
    json.dumps({**GOOD, "note": None}).encode(),
    json.dumps({k: v for k, v in GOOD.items() if k != "note"}).encode(),
    json.dumps({**GOOD, "n": 3.0}).encode(),
    json.dumps({**GOOD, "n": True}).encode(),
    json.dumps({**GOOD, "n": 10}).encode(),
    json.dumps({**GOOD, "x": 2}).encode(),
    json.dumps({**GOOD, "note": 5}).encode(),
    json.dumps({**GOOD, "id": "ab"}).encode(),
    json.dumps({**GOOD, "id": None}).encode(),
    json.dumps({**GOOD, "more": 1}).encode(),
    json.dumps(GOOD, indent=1).encode(),
    b'{"id": "AB", "n": 3, "x": 1.5, "x": 2.5, "note": "b"}',
    b'{"id": "AB", "n": 3, "x": 1e999, "note": "b"}',
    b'{"id": "A\tB", "n": 3, "x": 1, "note": "b"}',
    b'{"id": "AB", "n": 99999999999999999999, "x": 1, "note": "b"}',
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just(json.dumps(GOOD).encode()), st.sampled_from(ODD)), max_size=12))
def test_records_read_at_once_are_those_read_one_by_one(values: list[bytes | None]) -> None:
    together, alone = read(values, at_once=True), read(values, at_once=False)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]


def test_the_newest_row_is_told_however_it_was_read() -> None:
    values: list[bytes | None] = [json.dumps({**GOOD, "n": n}).encode() for n in range(5)]
    assert read(values, at_once=True)[2]["n"] == 4


def test_what_is_accepted_is_valid_and_what_is_not_understood_is_not_accepted() -> None:
    assert JsonAcceptor.of(SCHEMA, COLUMNS) is not None
    for other in (
        {**SCHEMA, "oneOf": []},
        {**SCHEMA, "additionalProperties": True},
        {**SCHEMA, "properties": {**SCHEMA["properties"], "id": {"type": "string", "format": "date"}}},  # type: ignore[dict-item]
        {**SCHEMA, "properties": {**SCHEMA["properties"], "id": {"type": "string", "pattern": "^\\D$"}}},  # type: ignore[dict-item]
        {**SCHEMA, "properties": {**SCHEMA["properties"], "id": {"type": "string", "pattern": "^[^a]$"}}},  # type: ignore[dict-item]
    ):
        assert JsonAcceptor.of(other, COLUMNS) is None
    assert JsonAcceptor.of(SCHEMA, {**COLUMNS, "more": COLUMNS["id"]}) is None


def test_deviations_are_told_by_kind_and_field_with_the_first_offset_of_each_partition() -> None:
    judge = MessageJudge(SCHEMA, "schema")
    for offset in (7, 3, 9):
        judge.look(offset % 2, offset, {**GOOD, "more": 1})
    judge.look(0, 12, {"id": "AB", "n": "1", "x": -1})
    judge.look_unreadable(1, 5, "not JSON")
    facts = judge.facts({0: 100, 1: 100})
    assert (facts["messages"], facts["invalid"]) == (5, 5)
    assert [(d["word"], d["field"], d["count"], d["first"]) for d in facts["deviations"]] == [
        ("added", "more", 3, {"1": 3}),
        ("out_of_range", "x", 1, {"0": 12}),
        ("retyped", "n", 1, {"0": 12}),
        ("unreadable", "root", 1, {"1": 5}),
    ]
    assert judge.errors({**GOOD, "n": -1}) == {"Field 'n': -1 is less than the minimum of 0"}


def test_a_schema_that_cannot_be_read_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_schema(str(tmp_path / "none.json"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_schema("no.such.package:x.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigurationError, match="is no JSON"):
        read_schema(str(tmp_path / "bad.json"))
    with pytest.raises(ConfigurationError, match="is no JSON Schema"):
        MessageJudge({"type": "nothing"}, "bad")


def test_headers_stand_beside_their_records_and_what_is_no_value_is_null() -> None:
    columns = RecordColumns({"row": LogicalType("int64"), "from": LogicalType("string")})
    headers = [[("row", b"1"), ("from", b"a")], [("from", b"b"), ("row", b"x")], None]
    messages: Any = [Message(5 - i, b"{}", b"k", one) for i, one in enumerate(headers)]
    columns.add(messages)
    assert columns.take().to_pylist() == [
        {"__partition": 0, "__offset": 4, "__key": b"k", "row": None, "from": "b"},
        {"__partition": 1, "__offset": 3, "__key": b"k", "row": None, "from": None},
        {"__partition": 1, "__offset": 5, "__key": b"k", "row": 1, "from": "a"},
    ]
    assert typed([b"\xff", b"7", None], LogicalType("int64")).to_pylist() == [None, 7, None]
