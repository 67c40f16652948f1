"""The committed offset of a Debezium connector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_checks.stages.service_facts import Offset, parse_offset


def test_an_offset_tells_log_position_transaction_and_commit_time() -> None:
    found = parse_offset({"lsn": 24306032, "txId": 755, "ts_usec": 1_767_268_800_000_000, "lsn_proc": 1})
    assert found == Offset(24306032, 755, datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert found.facts() == {
        "lsn": 24306032,
        "tx_id": 755,
        "commit_time": "2026-01-01T12:00:00+00:00",
        "snapshot": False,
    }


@pytest.mark.parametrize(
    ("offset", "running"),
    [
        ({}, False),
        ({"snapshot": True, "lsn": 5}, True),
        ({"snapshot": "INITIAL", "lsn": 5}, True),
        ({"snapshot": "INITIAL", "lsn": 5, "snapshot_completed": True}, False),
        ({"snapshot": True, "last_snapshot_record": True}, False),
        ({"snapshot": "false"}, False),
    ],
)
def test_a_running_snapshot_is_told(offset: dict[str, Any], running: bool) -> None:
    assert parse_offset(offset).in_snapshot is running
