"""The ledger of a feed: entries that were sent, positions, pages; a feed without one, and answers that do not fit."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.model.measure import Facts, Grade, RowCount, StageSchema
from pipeline_checks.model.position import EntriesPosition, InstantPosition, OffsetsPosition
from pipeline_checks.stages.feed_ledger import FeedLedger, FeedReader, open_stage
from pipeline_checks_tests.unit.stages.test_http_api import serving

FIELDS = {"symbol": "s", "trade": "t", "price": "p", "at": "T"}
CONTRACT = {
    "key": ["symbol", "trade"],
    "columns": {"symbol": "string", "trade": "int64", "price": "decimal(18,8)", "at": "timestamptz(3)"},
}


def entry(number: int, times: int = 1, **changes: Any) -> dict[str, Any]:
    sent = 1_770_000_000_000_000 + number if times else None
    row = {"entry": number, "s": "BTCUSDT", "t": number + 1, "p": "97250.00000001", "T": 1_770_000_000_123 + number}
    return {**row, "sent_at": sent, "times_sent": times, **changes}


@contextmanager
def ledger(
    entries: list[dict[str, Any]], *, bad: tuple[bytes, ...] = (), status: int = 200, **summary: Any
) -> Iterator[FeedReader]:
    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if status != 200:
            return status, {}
        if path == "/ledger":
            return 200, {"position": len(entries), "idle": True, **summary}
        if path == "/ledger/bad_frames":
            lines = [{"raw_base64": base64.b64encode(raw).decode(), "reason": "not_json", "sent_at": 5} for raw in bad]
        else:
            start, limit = int(query["start"]), int(query["limit"])
            lines = entries[start : start + limit]
        return 200, "".join(json.dumps(line) + "\n" for line in lines).encode()

    with serving(answer) as url:
        declared = FeedLedger.model_validate(
            {"name": "feed", "url": url, "contract": CONTRACT, "fields": FIELDS, "page_size": 2}
        )
        reader = open_stage(declared)
        yield reader
        reader.close()


def test_entries_are_read_page_by_page_in_the_promised_types() -> None:
    with ledger([entry(i) for i in range(5)]) as reader:
        reached = reader.reached()
        assert reached.position == EntriesPosition(5)
        rows = reader.at(reached.position).rows().to_pylist()
        assert [r["trade"] for r in rows] == [1, 2, 3, 4, 5]
        assert rows[1]["price"] == Decimal("97250.00000001")
        assert rows[1]["at"] == datetime.fromtimestamp(1_770_000_000.124, UTC)
        assert rows[1]["sent_at"].microsecond == 1


def test_entries_behind_the_position_and_those_never_sent_are_no_rows() -> None:
    with ledger([entry(0), entry(1, times=0), entry(2, times=3), entry(3)]) as reader:
        pinned = reader.at(EntriesPosition(3))
        assert pinned.rows(["trade"]).column("trade").to_pylist() == [1, 3]
        assert pinned.entries().num_rows == 3
        assert pinned.answer(frozenset({RowCount()}))[RowCount()].value == 2


def test_an_empty_ledger_has_no_rows_and_no_schema_that_was_seen() -> None:
    with ledger([]) as reader:
        pinned = reader.at(reader.reached().position)
        assert pinned.rows().num_rows == 0
        assert pinned.answer(frozenset({StageSchema()}))[StageSchema()].grade is Grade.UNKNOWN


def test_a_feed_that_does_not_answer_is_not_one_without_a_ledger() -> None:
    with ledger([], status=503) as reader, pytest.raises(TransientError):
        reader.reached()


@pytest.mark.parametrize("status", [404, 405])
def test_a_feed_without_a_ledger_has_an_instant_and_nothing_else(status: int) -> None:
    with ledger([], status=status) as reader:
        reached = reader.reached()
        assert isinstance(reached.position, InstantPosition)
        pinned = reader.at(reached.position)
        assert not pinned.has_ledger and pinned.rows().num_rows == 0
        facts = pinned.answer(frozenset({Facts("ledger"), Facts("bad_frames")}))
        assert (facts[Facts("ledger")].value, facts[Facts("bad_frames")].value) == (None, [])


def test_bad_frames_are_told_with_their_bytes() -> None:
    with ledger([entry(0)], bad=(b"{,", b"\xff")) as reader:
        found = reader.at(EntriesPosition(1)).answer(frozenset({Facts("bad_frames")}))[Facts("bad_frames")].value
        assert [(f["raw"], f["reason"]) for f in found] == [(b"{,", "not_json"), (b"\xff", "not_json")]


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([entry(0), entry(7)], "has entry 7 where 1 belongs"),
        ([entry(0, p="much")], "'much' in 'p' is not of type decimal(18,8)"),
        ([entry(0, p="1.123456789")], "in 'p' is not of type decimal(18,8)"),
        ([{"entry": 0, "s": "X"}], "no entry has 'sent_at'"),
        ([{k: v for k, v in entry(0).items() if k != "t"}], "no entry has 't'"),
    ],
)
def test_entries_that_do_not_fit_are_refused(entries: list[dict[str, Any]], why: str) -> None:
    with ledger(entries) as reader, pytest.raises(TerminalError) as raised:
        reader.at(EntriesPosition(len(entries))).rows()
    assert why in str(raised.value)


def test_a_page_that_ends_too_early_is_refused() -> None:
    with ledger([entry(0)]) as reader, pytest.raises(TerminalError, match="answered 0 entries"):
        reader.at(EntriesPosition(3)).rows()


def test_an_answer_that_is_no_ledger_is_refused() -> None:
    with ledger([], idle="yes") as reader, pytest.raises(TerminalError, match="answered no ledger"):
        reader.reached()
    with ledger([]) as reader, pytest.raises(TerminalError, match="has entries"):
        reader.at(OffsetsPosition.of({}))


def test_positions_of_entries_are_ordered() -> None:
    assert EntriesPosition(3).covers(EntriesPosition(3)) is True
    assert EntriesPosition(2).covers(EntriesPosition(3)) is False
    assert EntriesPosition(2).covers(OffsetsPosition.of({})) is None
    assert EntriesPosition(2).to_json() == {"kind": "entries", "value": 2}
