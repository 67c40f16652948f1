"""Every offset is a record, a tombstone, something that is not handed out, or unexplained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from pipeline_checks.model import events
from pipeline_checks.stages.event_batch import event_schema
from pipeline_checks.stages.topic_accounting import Account, Stretch, account_for

ENDS = {0: 10}


class Shown:
    """A record as far as its place goes."""

    def __init__(self, partition: int, offset: int) -> None:
        self._place = (partition, offset)

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]


class UncommittedLog:
    """A log that shows the offsets given to a reader of uncommitted records; it notes what was asked for."""

    def __init__(self, *shown: tuple[int, int]) -> None:
        self._shown = shown
        self.asked: list[tuple[dict[int, int], dict[int, int]]] = []

    def records(self, start: Mapping[int, int], end: Mapping[int, int], isolation: str) -> Iterator[list[Shown]]:
        assert isolation == "read_uncommitted"
        self.asked.append((dict(start), dict(end)))
        yield [Shown(p, o) for p, o in self._shown if p in end and start[p] <= o < end[p]]


def account(
    offsets: Mapping[int, str],
    *shown: tuple[int, int],
    low: int = 0,
    compacted: bool = False,
    log: UncommittedLog | None = None,
) -> Account:
    rows: list[dict[str, Any]] = [
        {events.PARTITION: 0, events.OFFSET: offset, events.OP: op} for offset, op in offsets.items()
    ]
    table = pa.Table.from_pylist(rows, schema=event_schema({}))
    asked: Any = log or UncommittedLog(*shown)
    return account_for(table, ENDS, asked, is_compacted=compacted, low={0: low})


def all_but(*missing: int) -> dict[int, str]:
    return {offset: "c" for offset in range(10) if offset not in missing}


def test_a_topic_without_holes_is_records_tombstones_and_malformed_and_nothing_is_read_again() -> None:
    log = UncommittedLog()
    found = account({**all_but(), 3: events.TOMBSTONE, 4: events.MALFORMED}, log=log)
    assert (found.offsets, found.records, found.tombstones, found.malformed) == (10, 8, 1, 1)
    assert (found.single, found.unseen, found.aborted, found.expired) == ([], [], 0, 0)
    assert log.asked == []


def test_single_offsets_stand_apart_from_longer_stretches() -> None:
    found = account(all_but(2, 5, 6, 7, 9))
    assert found.single == [Stretch(0, 2, 2), Stretch(0, 9, 9)]
    assert found.unseen == [Stretch(0, 5, 7)]


def test_the_records_of_aborted_transactions_are_seen_among_uncommitted_ones_and_leave_their_marker() -> None:
    found = account(all_but(4, 5, 6), (0, 4), (0, 5))
    assert (found.aborted, found.single, found.unseen) == (2, [Stretch(0, 6, 6)], [])


def test_what_expired_is_not_looked_for() -> None:
    found = account(all_but(0, 1, 2, 3), low=4)
    assert (found.expired, found.offsets, found.records, found.unseen) == (4, 6, 6, [])


def test_records_that_were_read_before_they_expired_have_expired() -> None:
    found = account(all_but(1, 2), low=5)
    assert (found.expired, found.offsets, found.records) == (5, 5, 5)


def test_holes_of_a_compacted_topic_are_compacted_away() -> None:
    found = account(all_but(1, 2, 3, 7), compacted=True)
    assert (found.compacted, found.single, found.unseen) == (4, [], [])


def test_a_partition_without_records_is_one_stretch() -> None:
    assert account({}).unseen == [Stretch(0, 0, 9)]


def test_many_stretches_are_read_in_one_go(monkeypatch: Any) -> None:
    monkeypatch.setattr("pipeline_checks.stages.topic_accounting._READINGS", 1)
    log = UncommittedLog((0, 1), (0, 5))
    found = account(all_but(1, 2, 5, 6), log=log)
    assert log.asked == [({0: 1}, {0: 7})]
    assert (found.aborted, found.single) == (2, [Stretch(0, 2, 2), Stretch(0, 6, 6)])


def test_stretches_are_read_one_by_one_while_they_are_few() -> None:
    log = UncommittedLog()
    account(all_but(1, 2, 5, 6), log=log)
    assert log.asked == [({0: 1}, {0: 3}), ({0: 5}, {0: 7})]


def test_the_account_is_told_in_json_values() -> None:
    told = account(all_but(2, 5, 6)).to_json()
    assert told["single"] == 1
    assert told["single_sample"] == [{"partition": 0, "first": 2, "last": 2}]
    assert told["unseen"] == [{"partition": 0, "first": 5, "last": 6}]
