"""Edits of topics whose records were made of others: what each does, and that records can be put back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.topic_records import RawRecord
from pipeline_checks.faults.topic_rewrites import (
    EditedTopic,
    altered,
    doubled,
    invented,
    lost,
    packed,
    rekeyed,
    source_of,
    swapped,
    unpacked,
)
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.links import Links
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks_tests.unit.checks.linked_cases import made, plain

LINKS = Links(partition="part", offset="off")


def record(i: int, key: str = "") -> RawRecord:
    headers: Any = [("part", b"0"), ("off", str(i).encode())]
    return RawRecord(0, i, (key or f"k{i}").encode(), json.dumps({"score": i}).encode(), headers)


@pytest.fixture
def target() -> Target:
    stages = (plain().model_copy(update={"from_": ()}), made().model_copy(update={"from_": ("given",)}))
    return Target(Pipeline(name="p", stages=stages), "made")


RECORDS = [record(i) for i in range(10)]


def test_it_acts_on_linked_topics_only(target: Target) -> None:
    fault = EditedTopic("x", "X", doubled)
    assert fault.acts_on(target)
    assert not fault.acts_on(Target(target.pipeline, "given"))


def test_lost_records_are_named_by_their_inputs(target: Target) -> None:
    edited = lost(3)(target, RECORDS)
    assert len(edited.records) == 7
    assert [k["offset"] for k in edited.keys] == [3, 4, 5]
    assert (edited.facts["first"], edited.facts["last"]) == (3, 5)
    with pytest.raises(TerminalError, match="too few"):
        lost(9)(target, RECORDS)


def test_a_record_can_be_doubled_invented_rekeyed_or_altered(target: Target) -> None:
    assert [r.offset for r in doubled(target, RECORDS).records][-2:] == [9, 5]
    stray = invented(target, RECORDS)
    assert (stray.keys[0], source_of(stray.records[-1], LINKS)["offset"]) == ({"partition": 0, "offset": 10}, 10**12)
    assert rekeyed(target, RECORDS).records[5].key == b"k0"
    changed = altered(lambda message: {"score": message["score"] + 1})(target, RECORDS)
    assert (changed.records[5].payload, changed.keys[0]) == ({"score": 6}, {"partition": 0, "offset": 5})


def test_two_records_of_a_key_can_be_swapped(target: Target) -> None:
    records = [record(0, "a"), record(1, "b"), record(2, "a")]
    edited = swapped(target, records)
    assert [source_of(r, LINKS)["offset"] for r in edited.records] == [2, 1, 0]
    assert edited.keys == ({"key": "a"},)
    with pytest.raises(TerminalError, match="no key"):
        swapped(target, RECORDS)


def test_nothing_can_be_damaged_where_there_is_nothing(target: Target) -> None:
    with pytest.raises(TerminalError, match="no record"):
        doubled(target, [])


def test_records_are_kept_as_they_are() -> None:
    odd = RawRecord(2, 7, None, b"\xff\x00", [("a", None), ("b", b"\xfe")])
    assert unpacked(packed([*RECORDS, odd])) == [*RECORDS, odd]
