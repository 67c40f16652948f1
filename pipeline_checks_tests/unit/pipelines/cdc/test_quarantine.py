"""The quarantine keeps bytes and coordinates, once."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from pipeline_checks.pipelines.cdc.flow.decode import Malformed
from pipeline_checks.pipelines.cdc.flow.quarantine import Quarantine
from pipeline_checks.pipelines.cdc.flow.sink import BatchId
from pipeline_checks_tests.unit.pipelines.cdc.envelopes import record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOPICS = ("a", "b")


def test_malformed_records_are_kept_once_with_their_bytes(tmp_path: Path) -> None:
    bad = {"a": [Malformed(record(4, b"\xff no", partition=2), "not JSON")]}
    for number in range(2):
        made = Quarantine(str(tmp_path / "q"), TOPICS)
        made.open()
        assert made.take(bad, {"a": {2: 6}, "b": {0: 3}}, BatchId("q", number), NOW) == 1 - number
    (row,) = pl.DataFrame(DeltaTable(tmp_path / "q").scan()).to_dicts()
    assert (row["_topic"], row["_partition"], row["_offset"], row["_value"]) == ("a", 2, 4, b"\xff no")
    assert (row["_reason"], row["_quarantined_at"]) == ("not JSON", NOW)
    made = Quarantine(str(tmp_path / "q"), TOPICS)
    made.open()
    assert made.by_topic == {"a": {0: 0, 1: 0, 2: 6}, "b": {0: 3, 1: 0, 2: 0}}


def test_without_malformed_records_there_is_no_commit(tmp_path: Path) -> None:
    made = Quarantine(str(tmp_path / "q"), TOPICS)
    made.open()
    assert made.take({}, {"a": {0: 9}}, BatchId("q", 0), NOW) == 0
    assert DeltaTable(tmp_path / "q").version() == 0
