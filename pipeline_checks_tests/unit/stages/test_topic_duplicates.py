"""Which events stand in a topic twice, and why: replayed, or read by a snapshot before the log told them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import DuplicateSample, Grade, Measured
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages.event_batch import event_schema
from pipeline_checks.stages.topic_duplicates import duplicates_of

COLUMNS = {"id": LogicalType("int64"), "name": LogicalType("string")}


def event(
    offset: int, op: str, id_: int | None, tx: int | None, lsn: int | None, name: str | None = "a"
) -> dict[str, Any]:
    return {
        events.PARTITION: 0,
        events.OFFSET: offset,
        events.OP: op,
        events.TX_ID: tx,
        events.LSN: lsn,
        events.SNAPSHOT: op == events.READ,
        "id": id_,
        "name": name,
    }


def measured(*rows: dict[str, Any]) -> Measured:
    table = pa.Table.from_pylist(list(rows), schema=event_schema(COLUMNS))
    return duplicates_of(table, "shop.t", ("id",), ("id", "name"))


def told(*rows: dict[str, Any]) -> list[tuple[int, str, int]]:
    """The key, class and offset of each."""
    sample: DuplicateSample = measured(*rows).value
    assert sample.keys == len(sample.sample) == len(sample.classes) == len(sample.places)
    offsets = [p.value()["shop.t"]["0"] for p in sample.places]
    return [
        (key["id"], class_, at) for (key, _), class_, at in zip(sample.sample, sample.classes, offsets, strict=True)
    ]


def test_events_that_stand_there_once_are_no_duplicates() -> None:
    rows = [event(0, "r", 1, 5, 100), event(1, "c", 2, 6, 110), event(2, "u", 1, 7, 120, "b"), event(3, "d", 2, 8, 130)]
    found = measured(*rows)
    assert (found.value, found.grade) == (DuplicateSample(0, 0), Grade.EXACT)


def test_an_empty_topic_has_no_duplicates() -> None:
    assert measured().value == DuplicateSample(0, 0)


def test_an_event_of_the_same_coordinates_is_replayed_however_often() -> None:
    found = measured(event(0, "c", 1, 6, 110), event(1, "c", 1, 6, 110), event(4, "c", 1, 6, 110))
    place = OffsetsPosition.of({"shop.t": {0: 4}})
    assert found.value == DuplicateSample(1, 2, (({"id": 1}, 3),), ("replayed",), (place,))


def test_an_update_that_shares_the_lsn_of_the_snapshot_is_none() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "u", 1, 6, 100)) == []


def test_a_row_that_was_read_and_is_then_told_as_created_overlaps() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "c", 1, 4, 90)) == [(1, "snapshot_overlap", 1)]


def test_a_row_that_was_read_deleted_and_created_anew_does_not() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "d", 1, 6, 110, None), event(2, "c", 1, 6, 111)) == []


def test_a_row_created_after_a_truncate_does_not() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "t", None, 6, 110, None), event(2, "c", 1, 7, 120)) == []


def test_an_update_from_before_the_reading_that_changes_nothing_overlaps() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "u", 1, 4, 90)) == [(1, "snapshot_overlap", 1)]


def test_an_update_from_before_the_reading_with_other_values_does_not() -> None:
    assert told(event(0, "r", 1, 5, 100), event(1, "u", 1, 4, 90, "b")) == []


def test_a_row_that_a_later_snapshot_reads_again_is_no_duplicate() -> None:
    rows = [event(0, "r", 1, 5, 100), event(1, "u", 1, 6, 110, "b"), event(2, "r", 1, 9, 200, "b")]
    assert told(*rows, event(3, "r", 1, 10, 210, "b")) == []


def test_an_overlap_that_is_replayed_too_is_told_as_both() -> None:
    rows = [event(0, "r", 1, 5, 100), event(1, "c", 1, 4, 90), event(2, "c", 1, 4, 90)]
    assert sorted(told(*rows)) == [(1, "replayed", 2), (1, "snapshot_overlap", 1)]


def test_events_without_coordinates_make_it_a_bound() -> None:
    assert measured(event(0, "c", 1, None, 110)).grade is Grade.BOUND
