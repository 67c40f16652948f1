"""Delta tables: versions, what they cover, commits of others, counts, and what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable as Table
from deltalake import write_deltalake

from pipeline_checks.engines.registry import engine
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import DuplicateKeys, Facts, Maximum, RowCount, StageSchema
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.stages.delta import DeltaReader, DeltaTable, open_stage
from pipeline_checks.stages.delta_log import parse_commit
from pipeline_checks.values.buckets import BucketPlan
from pipeline_checks_tests.unit.stages.delta_tables import TOPIC, advance, append, customers, said

COMMITS = Facts("commits")


def reader(path: Path, **fields: Any) -> DeltaReader:
    return open_stage(DeltaTable(name="lake", path=str(path), covers={"commit_metadata": "covers"}, **fields))


def ask(path: Path, measure: Any, version: int | None = None) -> Any:
    stage = reader(path)
    position = stage.reached().position if version is None else VersionPosition(version)
    return stage.at(position).answer(frozenset({measure}))[measure].value


def test_the_newest_version_covers_what_its_commit_says(tmp_path: Path) -> None:
    append(tmp_path, customers(1, 2), said({0: 2}))
    stage = reader(tmp_path)
    assert stage.reached().position == VersionPosition(0)
    assert stage.reached().covers == OffsetsPosition.of({TOPIC: {0: 2}})
    append(tmp_path, customers(3), said({0: 3, 1: 1}))
    reached = stage.reached()
    assert (reached.position, reached.commit) == (VersionPosition(1), "1")
    assert reached.covers == OffsetsPosition.of({TOPIC: {0: 3, 1: 1}})


def test_covers_are_looked_for_behind_a_foreign_commit_which_stays_visible(tmp_path: Path) -> None:
    append(tmp_path, customers(1), said({0: 1}))
    append(tmp_path, customers(1))
    reached = reader(tmp_path).reached()
    assert (reached.position, reached.commit) == (VersionPosition(1), "0")
    assert reached.covers == OffsetsPosition.of({TOPIC: {0: 1}})
    commits = ask(tmp_path, COMMITS)
    assert [(c["version"], c["covers"], c["changes_data"]) for c in commits] == [
        (0, {TOPIC: {"0": 1}}, True),
        (1, None, True),
    ]
    assert commits[1]["position"] == VersionPosition(1)


def test_covers_are_looked_for_behind_maintenance_and_changes_of_the_schema(tmp_path: Path) -> None:
    append(tmp_path, customers(1), said({0: 1}))
    append(tmp_path, customers(2), said({0: 2}))
    Table(tmp_path).optimize.compact(commit_properties=said(maintenance="compaction"))
    Table(tmp_path).alter.set_table_properties({"delta.logRetentionDuration": "interval 5 days"})
    assert reader(tmp_path).reached().covers == OffsetsPosition.of({TOPIC: {0: 2}})
    compacted, altered = ask(tmp_path, COMMITS)[2:]
    assert (compacted["maintenance"], compacted["changes_data"]) == ("compaction", False)
    assert (altered["maintenance"], altered["changes_data"]) == (None, False)


def test_a_commit_without_rows_can_move_what_is_covered(tmp_path: Path) -> None:
    append(tmp_path, customers(1), said({0: 1}))
    advance(tmp_path, said({0: 9}))
    assert reader(tmp_path).reached().covers == OffsetsPosition.of({TOPIC: {0: 9}})
    assert ask(tmp_path, COMMITS)[-1]["changes_data"] is False


def test_a_table_declared_to_say_nothing_is_not_looked_into(tmp_path: Path) -> None:
    append(tmp_path, customers(1), said({0: 1}))
    assert open_stage(DeltaTable(name="lake", path=str(tmp_path))).reached().covers is None


@pytest.mark.parametrize("told", ['"no json', "[]", '{"covers": [1]}', '{"covers": {"t": {"x": "y"}}}', "null"])
def test_metadata_that_is_no_covers_says_nothing(told: str) -> None:
    text = b'{"commitInfo":{"timestamp":0,"userMetadata":' + __import__("json").dumps(told).encode() + b"}}"
    assert parse_commit(0, text, "covers").covers is None


def test_covers_beside_the_users_metadata_are_taken_too() -> None:
    text = b'{"commitInfo":{"timestamp":0,"covers":"{\\"t\\":{\\"0\\":4}}"}}'
    assert parse_commit(0, text, "covers").covers == OffsetsPosition.of({"t": {0: 4}})


def test_a_pinned_version_stays_what_it_was_when_others_come(tmp_path: Path) -> None:
    append(tmp_path, customers(1, 2), said({0: 2}))
    stage = reader(tmp_path)
    pinned = stage.at(stage.reached().position)
    append(tmp_path, customers(3))
    assert pinned.rows(["customer_id"]).read_all().column(0).to_pylist() == [1, 2]
    assert pinned.answer(frozenset({RowCount()}))[RowCount()].value == 2
    assert len(pinned.answer(frozenset({COMMITS}))[COMMITS].value) == 1


def test_a_reader_follows_the_table_after_it_has_pinned_a_version(tmp_path: Path) -> None:
    append(tmp_path, customers(1, 2), said({0: 2}))
    stage = reader(tmp_path)
    first = stage.at(stage.reached().position)
    append(tmp_path, customers(3), said({0: 3}))
    assert stage.reached().position == VersionPosition(1)
    second = stage.at(VersionPosition(1))
    again = stage.at(VersionPosition(0))
    counts = [pinned.answer(frozenset({RowCount()}))[RowCount()].value for pinned in (first, second, again)]
    assert counts == [2, 3, 2]


def test_rows_and_count_agree_after_changes_in_place(tmp_path: Path) -> None:
    append(tmp_path, customers(*range(100)), said({0: 100}))
    Table(tmp_path).delete("customer_id < 10")
    append(tmp_path, customers(50), said({0: 101}))
    rows = reader(tmp_path).at(VersionPosition(2)).rows
    assert ask(tmp_path, RowCount()) == rows().read_all().num_rows == 91
    measures = frozenset({DuplicateKeys(("customer_id",)), Maximum("customer_id")})
    found = engine("duckdb").measure(rows, measures)
    assert found[DuplicateKeys(("customer_id",))].value.sample == (({"customer_id": 50}, 2),)
    assert found[Maximum("customer_id")].value == 99


def test_an_empty_table_has_no_rows_and_a_schema(tmp_path: Path) -> None:
    append(tmp_path, customers(), said({}))
    assert ask(tmp_path, RowCount()) == 0
    assert ask(tmp_path, StageSchema()).names == ("customer_id", "name")
    assert reader(tmp_path).at(VersionPosition(0)).rows().read_all().num_rows == 0


def test_types_of_the_table_are_told_as_logical_types(tmp_path: Path) -> None:
    columns = {
        "a": pa.int8(),
        "b": pa.int16(),
        "c": pa.int32(),
        "d": pa.float32(),
        "e": pa.bool_(),
        "f": pa.decimal128(10, 2),
        "g": pa.timestamp("us"),
        "h": pa.timestamp("us", tz="UTC"),
        "i": pa.date32(),
        "j": pa.binary(),
        "k": pa.list_(pa.int64()),
        "l": pa.struct([("x", pa.int64())]),
        "m": pa.map_(pa.string(), pa.int64()),
    }
    write_deltalake(tmp_path, pa.schema(list(columns.items())).empty_table())
    assert [str(f.type) for f in ask(tmp_path, StageSchema()).fields] == [
        *("int8", "int16", "int32", "float32", "bool", "decimal(10,2)", "timestamp", "timestamptz", "date", "bytes"),
        *("array", "struct", "map"),
    ]


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="nowhere"):
        reader(tmp_path / "nowhere").reached()


def test_a_truncated_file_is_named_by_engine_and_rows_alike(tmp_path: Path) -> None:
    append(tmp_path, customers(1, 2, 3), said({0: 3}))
    file = next(tmp_path.glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:100])
    stage = reader(tmp_path)
    pinned = stage.at(stage.reached().position)
    with pytest.raises(TerminalError, match=file.name):
        pinned.rows().read_all()
    with pytest.raises(TerminalError, match=file.name):
        engine("duckdb").measure(pinned.rows, frozenset({Maximum("customer_id")}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    append(tmp_path, customers(1, 2, 3), said({0: 3}))
    file = next(tmp_path.glob("*.parquet"))
    file.unlink()
    with pytest.raises(TerminalError, match=file.name):
        reader(tmp_path).at(VersionPosition(0)).rows().read_all()


def test_a_version_that_is_not_there_and_an_unknown_topic_of_facts_are_refused(tmp_path: Path) -> None:
    append(tmp_path, customers(1), said({0: 1}))
    with pytest.raises(TerminalError):
        reader(tmp_path).at(VersionPosition(7)).schema()
    with pytest.raises(TerminalError):
        reader(tmp_path).at(OffsetsPosition.of({}))
    with pytest.raises(ConfigurationError, match="commits"):
        ask(tmp_path, Facts("weather"))


def test_a_log_whose_beginning_was_cleaned_away_tells_the_rest(tmp_path: Path) -> None:
    for i in range(4):
        append(tmp_path, customers(i), said({0: i + 1}))
    Table(tmp_path).create_checkpoint()
    for version in (0, 1):
        (tmp_path / "_delta_log" / f"{version:020d}.json").unlink()
    assert [c["version"] for c in ask(tmp_path, COMMITS)] == [2, 3]
    assert reader(tmp_path).reached().covers == OffsetsPosition.of({TOPIC: {0: 4}})


def test_path_and_table_are_put_together(tmp_path: Path) -> None:
    assert DeltaTable(name="lake", path=f"{tmp_path}/", table="orders").uri() == f"{tmp_path}/orders"
    assert DeltaTable(name="lake", path=str(tmp_path), mode="changes").row_meaning == "changes"


@pytest.mark.parametrize("type_", [pa.int32(), pa.int64()])
@pytest.mark.parametrize("asked", [(), (0,), (1, 3)])
def test_rows_of_some_buckets_are_theirs_and_those_of_no_bucket(
    tmp_path: Path, type_: pa.DataType, asked: tuple[int, ...]
) -> None:
    keys = [*range(-20, 20), None]
    write_deltalake(tmp_path / "t", pa.table({'a "key"': pa.array(keys, type_), "n": pa.array(range(41))}))
    stage = open_stage(DeltaTable(name="t", path=str(tmp_path / "t")))
    plan = BucketPlan(shift=2, least=-3, count=4)  # of -12 to 3
    found = stage.at(stage.reached().position).rows_of_buckets(['a "key"'], 'a "key"', plan, asked)
    wanted = [k for k in keys if k is None or not -12 <= k <= 3 or (k >> 2) + 3 in asked]
    assert sorted(map(str, found.read_all().column(0).to_pylist())) == sorted(map(str, wanted))
