"""A table in both formats: exactly once by covers, whatever comes again."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.decode import TableBatch
from pipeline_checks.pipelines.cdc.flow.sink import BatchId
from pipeline_checks.pipelines.cdc.flow.writer import TableWriter
from pipeline_checks_tests.unit.pipelines.cdc.envelopes import FIELDS, UNAVAILABLE, record, value
from pipeline_checks_tests.unit.pipelines.cdc.lakes import (
    FORMATS,
    TOPIC,
    catalog,
    decoded,
    names,
    rows,
    versions,
    writer,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
every_format = pytest.mark.parametrize("lake", FORMATS)


def row(key: int, name: str = "a", address: str | None = "home") -> dict[str, Any]:
    return {"customer_id": key, "first_name": name, "address": address}


def write(made: TableWriter, batch: TableBatch, number: int = 0, query: str = "q") -> list[int]:
    return [entry["rows"] for entry in made.write(batch, BatchId(query, number), NOW)]


FIRST = (
    record(0, value("c", row(1, "one"), 10)),
    record(0, value("c", row(2, "two"), 11), partition=1),
    record(1, value("c", row(3, "three"), 12), partition=1),
)
SECOND = (
    record(1, value("u", row(1, "uno"), 20)),
    record(2, value("d", row(2), 21), partition=1),
    record(3, None, partition=1),
)


@every_format
def test_rows_are_inserted_updated_and_deleted(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    assert write(made, decoded(*FIRST)) == [3, 3]
    assert write(made, decoded(*SECOND), 1) == [2, 2]
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    assert {r["customer_id"]: r["label"] for r in rows(tmp_path, lake)} == {1: "uno, home", 3: "three, home"}
    log = sorted(
        (r["_source_lsn"], r["_cdc_operation"], r["customer_id"]) for r in rows(tmp_path, lake, "people_changes")
    )
    assert log == [(10, "INSERT", 1), (11, "INSERT", 2), (12, "INSERT", 3), (20, "UPDATE", 1), (21, "DELETE", 2)]


@every_format
def test_the_log_tells_where_each_row_comes_from(tmp_path: Path, lake: str) -> None:
    write(writer(tmp_path, lake), decoded(*FIRST[:1], record(7, value("d", row(9), 13), partition=2)))
    insert, delete = sorted(rows(tmp_path, lake, "people_changes"), key=lambda r: r["_source_lsn"])
    assert {k: v for k, v in insert.items() if k.startswith("_")} == {
        "_ingestion_timestamp": NOW,
        "_processed_timestamp": NOW,
        "_source_system": "postgres_cdc",
        "_cdc_operation": "INSERT",
        "_pipeline_id": f"postgres_to_{lake}",
        "_event_timestamp_ms": 15,
        "_source_lsn": 10,
        "_kafka_timestamp": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "_topic": TOPIC,
        "_partition": 0,
        "_offset": 0,
        "_deleted": False,
        "_source_tx_id": 1,
        "_source_commit_ts": datetime(1970, 1, 1, 0, 0, 0, 10_000, tzinfo=UTC),
        "_source_commit_date": datetime(1970, 1, 1).date(),
    }
    assert (delete["customer_id"], delete["first_name"], delete["label"], delete["_deleted"]) == (9, None, None, True)


@every_format
def test_a_batch_that_comes_again_changes_nothing_and_makes_no_commit(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    write(made, decoded(*SECOND), 1)
    before = versions(tmp_path, lake), rows(tmp_path, lake), rows(tmp_path, lake, "people_changes")
    assert write(made, decoded(*FIRST)) == [0, 0]
    assert write(writer(tmp_path, lake), decoded(*FIRST, *SECOND), 0, "new query") == [0, 0]
    assert (versions(tmp_path, lake), rows(tmp_path, lake), rows(tmp_path, lake, "people_changes")) == before


@every_format
def test_a_longer_batch_after_a_deleted_checkpoint_brings_only_what_is_new(tmp_path: Path, lake: str) -> None:
    write(writer(tmp_path, lake), decoded(*FIRST), 41)
    assert write(writer(tmp_path, lake), decoded(*FIRST, *SECOND), 0, "new query") == [2, 2]
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    assert len(rows(tmp_path, lake, "people_changes")) == 5


@every_format
def test_a_kill_between_log_and_state_is_made_good_by_the_same_batch(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    made._write_log(decoded(*SECOND), BatchId("q", 1), NOW)
    assert names(tmp_path, lake) == {1: "one", 2: "two", 3: "three"}
    assert write(writer(tmp_path, lake), decoded(*SECOND), 1) == [0, 2]
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    assert len(rows(tmp_path, lake, "people_changes")) == 5


@every_format
def test_every_commit_carries_the_covers_of_all_partitions(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    write(made, decoded(*SECOND[1:]), 1)
    expected = {0: 1, 1: 4, 2: 0}
    assert made.state.covers == made.log.covers == expected
    again = writer(tmp_path, lake)
    assert again.state.covers == again.log.covers == expected


@every_format
def test_tombstones_and_malformed_records_alone_advance_the_covers(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    commits = versions(tmp_path, lake)
    assert write(made, decoded(record(1, None), record(2, b"no json")), 1) == [0, 0]
    assert versions(tmp_path, lake) == commits + 1
    assert writer(tmp_path, lake).state.covers == {0: 3, 1: 2, 2: 0}
    assert names(tmp_path, lake) == {1: "one", 2: "two", 3: "three"}


@every_format
def test_a_delete_of_a_key_that_is_not_there_advances_the_covers(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(record(0, value("d", row(99), 10))))
    assert writer(tmp_path, lake).state.covers == {0: 1, 1: 0, 2: 0}


@every_format
def test_a_record_produced_again_after_its_delete_does_not_bring_the_row_back(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    write(made, decoded(*SECOND), 1)
    again = record(9, value("c", row(2, "two"), 11), partition=1)
    write(made, decoded(again), 2)
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    again = record(10, value("c", row(2, "two"), 11), partition=1)
    write(writer(tmp_path, lake), decoded(again), 3)
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    assert len(rows(tmp_path, lake, "people_changes")) == 7


@every_format
def test_an_older_record_produced_again_does_not_undo_an_update(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    write(made, decoded(*SECOND), 1)
    write(made, decoded(record(9, value("c", row(1, "one"), 10))), 2)
    assert names(tmp_path, lake)[1] == "uno"


@every_format
def test_a_truncate_takes_the_rows_before_it(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    write(made, decoded(record(0, value("t", None, 20), partition=2), record(1, value("c", row(4, "four"), 21))), 1)
    assert names(tmp_path, lake) == {4: "four"}
    late = record(4, value("c", row(5, "late"), 15), partition=1)
    write(writer(tmp_path, lake), decoded(late), 2)
    assert names(tmp_path, lake) == {4: "four"}
    assert [r["_cdc_operation"] for r in rows(tmp_path, lake, "people_changes")].count("TRUNCATE") == 1


@every_format
def test_an_unavailable_value_stays_across_batches_in_state_and_log(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(record(0, value("c", row(1, "one", "long"), 10))))
    write(made, decoded(record(1, value("u", row(1, "uno", UNAVAILABLE), 11))), 1)
    assert [(r["first_name"], r["address"]) for r in rows(tmp_path, lake)] == [("uno", "long")]
    assert [r["address"] for r in rows(tmp_path, lake, "people_changes")] == ["long", "long"]


@every_format
def test_a_changed_key_keeps_the_unavailable_value_though_the_old_row_went_a_batch_before(
    tmp_path: Path, lake: str
) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(record(0, value("c", row(1, "one", "long"), 10))))
    write(made, decoded(record(1, value("d", row(1), 11)), record(2, value("c", row(1, "other", "short"), 12))), 1)
    moved = record(0, value("c", row(2, "one", UNAVAILABLE), 11), partition=1, old_key=1)
    write(writer(tmp_path, lake), decoded(moved), 2)
    assert {r["customer_id"]: r["address"] for r in rows(tmp_path, lake)} == {1: "short", 2: "long"}


@every_format
def test_a_batch_that_ends_within_a_change_of_key_takes_the_value_from_what_follows(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(record(0, value("c", row(1, "one", "outdated"), 10))))
    rest = (record(1, value("u", row(1, "one", "newest"), 11)), record(2, value("d", row(1), 12)))
    asked: list[object] = []

    def ahead(start: covering.Covers, wanted: Collection[tuple[int, int]]) -> TableBatch:
        asked.append((start, wanted))
        return decoded(*rest)

    made.ahead = ahead
    moved = record(0, value("c", row(2, "two", UNAVAILABLE), 12), partition=1, old_key=1)
    write(made, decoded(moved), 1)
    assert asked[0] == ({0: 1, 1: 1, 2: 0}, {(1, 12)})
    assert {r["customer_id"]: r["address"] for r in rows(tmp_path, lake)} == {1: "outdated", 2: "newest"}
    write(made, decoded(*rest), 2)
    assert {r["customer_id"]: r["address"] for r in rows(tmp_path, lake)} == {2: "newest"}


@every_format
def test_a_column_that_events_bring_is_added_to_both_tables(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    more = {**FIELDS, "points": {"type": "int32", "optional": True}}
    write(made, decoded(record(1, value("u", {**row(1), "points": 7}, 20, fields=more))), 1)
    assert {r["customer_id"]: r["points"] for r in rows(tmp_path, lake)} == {1: 7, 2: None, 3: None}
    again = writer(tmp_path, lake)
    assert again.columns()["points"] == pa.int64()
    write(again, decoded(*SECOND[1:]), 2)
    assert {r["customer_id"]: r["points"] for r in rows(tmp_path, lake)} == {1: 7, 3: None}


@every_format
def test_a_stranger_who_deletes_and_appends_does_not_stop_the_writer(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    write(made, decoded(*FIRST))
    if lake == "delta":
        DeltaTable(f"{tmp_path}/people").delete("customer_id = 3")
        write_deltalake(f"{tmp_path}/people", pa.table({"customer_id": [7, 1]}), mode="append", schema_mode="merge")
    else:
        foreign = catalog(tmp_path).load_table("cdc.people")
        foreign.delete("customer_id = 3")
        foreign.append(pa.table({"customer_id": [7, 1]}))
    write(made, decoded(record(1, value("u", row(7, "seven"), 20)), record(2, value("c", row(8, "eight"), 21))), 1)
    assert sorted((r["customer_id"], r["first_name"]) for r in rows(tmp_path, lake) if r["customer_id"] > 1) == [
        (2, "two"),
        (7, "seven"),
        (8, "eight"),
    ]
    assert writer(tmp_path, lake).state.covers == {0: 3, 1: 2, 2: 0}


@every_format
def test_two_writers_at_once_write_each_record_once(tmp_path: Path, lake: str) -> None:
    one, other = writer(tmp_path, lake), writer(tmp_path, lake)
    write(one, decoded(*FIRST))
    write(other, decoded(*FIRST, *SECOND))
    write(one, decoded(*SECOND), 1)
    assert names(tmp_path, lake) == {1: "uno", 3: "three"}
    assert len(rows(tmp_path, lake, "people_changes")) == 5


@every_format
def test_maintenance_changes_no_row_and_repeats_the_covers(tmp_path: Path, lake: str) -> None:
    made = writer(tmp_path, lake)
    vars(made.log)["compact_after"] = 6
    for number in range(8):
        write(made, decoded(record(number, value("u", row(number % 5, f"v{number}"), 10 + number))), number)
        for target in (made.log, made.state):
            target.maintain()
    assert names(tmp_path, lake) == {0: "v5", 1: "v6", 2: "v7", 3: "v3", 4: "v4"}
    assert len(rows(tmp_path, lake, "people_changes")) == 8
    assert writer(tmp_path, lake).log.covers == {0: 8, 1: 0, 2: 0}
    if lake == "delta":
        said = [h.get("userMetadata") or "" for h in DeltaTable(f"{tmp_path}/people_changes").history()]
        assert sum('"maintenance":"compaction"' in text for text in said) == 1
        assert all(covering.from_metadata(text) is not None for text in said)
    else:
        snapshots = catalog(tmp_path).load_table("cdc.people_changes").metadata.snapshots
        kept = [s.summary.additional_properties for s in snapshots if s.summary]
        assert [p["maintenance"] for p in kept if "maintenance" in p] == ["compaction"]
        assert all("covers" in p for p in kept)
