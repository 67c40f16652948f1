"""Iceberg tables: snapshots, what they cover, commits of others, counts, columns by id, and what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table
from pyiceberg.types import LongType, StringType

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.engines.registry import engine
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.model.measure import DuplicateKeys, Facts, Maximum, RowCount, StageSchema
from pipeline_checks.model.position import OffsetsPosition, SnapshotPosition, VersionPosition
from pipeline_checks.stages.iceberg import IcebergReader, IcebergTable, open_stage

TOPIC = "shop.customers"
COMMITS = Facts("commits")
SCHEMA = pa.schema([pa.field("customer_id", pa.int64(), nullable=False), pa.field("name", pa.string())])


class Lake:
    """One Iceberg table in a catalog of its own."""

    def __init__(self, folder: Path) -> None:
        self.url, self.warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
        self.catalog = iceberg_catalog("demo", self.url, self.warehouse)
        self.catalog.create_namespace("cdc")
        self.catalog.create_table("cdc.customers", SCHEMA)

    @property
    def table(self) -> Table:
        return self.catalog.load_table("cdc.customers")

    def append(self, *ids: int, offsets: dict[int, int] | None = None, **more: str) -> None:
        rows = pa.table({"customer_id": list(ids), "name": [f"n{i}" for i in ids]}, schema=SCHEMA)
        covers = {} if offsets is None else {"covers": json.dumps({TOPIC: {str(p): o for p, o in offsets.items()}})}
        self.table.append(rows, snapshot_properties={**covers, **more})

    def reader(self, table: str = "cdc.customers", **fields: Any) -> IcebergReader:
        catalog = {"name": "demo", "url": self.url, "warehouse": self.warehouse}
        covers = {"commit_metadata": "covers"}
        return open_stage(IcebergTable(name="lake", catalog=catalog, table=table, covers=covers, **fields))

    def ask(self, measure: Any) -> Any:
        stage = self.reader()
        return stage.at(stage.reached().position).answer(frozenset({measure}))[measure].value


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    yield made
    made.catalog.close()  # type: ignore[attr-defined]


def test_a_table_without_snapshot_is_empty_and_covers_nothing(lake: Lake) -> None:
    reached = lake.reader().reached()
    assert (reached.position, reached.covers) == (SnapshotPosition(None, 0), None)
    assert (lake.ask(RowCount()), lake.ask(COMMITS)) == (0, [])
    pinned = lake.reader().at(reached.position)
    assert pinned.rows(["customer_id"]).collect().height == 0
    assert pinned.schema().names == ("customer_id", "name")


def test_the_newest_snapshot_covers_what_it_says(lake: Lake) -> None:
    lake.append(1, 2, offsets={0: 2})
    stage = lake.reader()
    first = stage.reached()
    lake.append(3, offsets={0: 3, 1: 1})
    second = stage.reached()
    assert first.covers == OffsetsPosition.of({TOPIC: {0: 2}})
    assert second.covers == OffsetsPosition.of({TOPIC: {0: 3, 1: 1}})
    assert second.position.covers(first.position) and not first.position.covers(second.position)


def test_covers_are_looked_for_behind_a_foreign_snapshot_which_stays_visible(lake: Lake) -> None:
    lake.append(1, 2, 3, offsets={0: 3})
    lake.table.delete(EqualTo("customer_id", 2))
    reached = lake.reader().reached()
    assert reached.covers == OffsetsPosition.of({TOPIC: {0: 3}})
    assert reached.commit != str(lake.table.metadata.current_snapshot_id)
    mine, foreign = lake.ask(COMMITS)
    assert (mine["covers"], mine["changes_data"]) == ({TOPIC: {"0": 3}}, True)
    assert (foreign["covers"], foreign["maintenance"], foreign["changes_data"]) == (None, None, True)
    assert foreign["position"] == reached.position
    assert lake.ask(RowCount()) == 2


def test_of_several_snapshots_of_one_transaction_the_last_decides(lake: Lake) -> None:
    lake.append(1, 2, offsets={0: 2})
    with lake.table.transaction() as transaction:
        transaction.delete(EqualTo("customer_id", 1))
        properties = {"covers": json.dumps({TOPIC: {"0": 4}})}
        transaction.append(pa.table({"customer_id": [1], "name": ["x"]}, schema=SCHEMA), snapshot_properties=properties)
    assert lake.reader().reached().covers == OffsetsPosition.of({TOPIC: {0: 4}})


def test_maintenance_and_commits_without_rows_change_no_data(lake: Lake) -> None:
    lake.append(1, offsets={0: 1})
    lake.append(offsets={0: 5})
    lake.append(2, offsets={0: 5}, maintenance="compaction")
    commits = lake.ask(COMMITS)
    assert [(c["maintenance"], c["changes_data"]) for c in commits] == [
        (None, True),
        (None, False),
        ("compaction", False),
    ]
    assert lake.reader().reached().covers == OffsetsPosition.of({TOPIC: {0: 5}})


def test_a_pinned_snapshot_stays_what_it_was_when_others_come(lake: Lake) -> None:
    lake.append(1, 2, offsets={0: 2})
    stage = lake.reader()
    pinned = stage.at(stage.reached().position)
    lake.append(3)
    with lake.table.update_schema() as update:
        update.add_column("extra", StringType())
    assert pinned.rows().collect().columns == ["customer_id", "name"]
    assert sorted(pinned.rows(["customer_id"]).collect().to_series().to_list()) == [1, 2]
    older = lake.reader().at(pinned.position)
    assert (older.schema().names, older.rows().collect().shape) == (("customer_id", "name"), (2, 2))
    assert older.answer(frozenset({RowCount()}))[RowCount()].value == 2


def test_a_renamed_column_keeps_its_id_and_a_new_one_has_its_own(lake: Lake) -> None:
    lake.append(1, offsets={0: 1})
    with lake.table.update_schema() as update:
        update.rename_column("name", "full_name")
    with lake.table.update_schema() as update:
        update.add_column("name", LongType())
    schema = lake.ask(StageSchema())
    assert [(f.name, str(f.type), f.id) for f in schema.fields] == [
        ("customer_id", "int64", "1"),
        ("full_name", "string", "2"),
        ("name", "int64", "3"),
    ]
    stage = lake.reader()
    assert stage.at(stage.reached().position).rows().collect().rows() == [(1, "n1", None)]


def test_measures_are_computed_by_polars(lake: Lake) -> None:
    lake.append(1, 2, 2, 9, offsets={0: 4})
    stage = lake.reader()
    key = DuplicateKeys(("customer_id",))
    found = engine("polars").measure(stage.at(stage.reached().position).rows, frozenset({key, Maximum("customer_id")}))
    assert found[key].value.sample == (({"customer_id": 2}, 2),)
    assert found[Maximum("customer_id")].value == 9


def test_what_is_not_there_is_named(lake: Lake) -> None:
    lake.append(1, offsets={0: 1})
    stage = lake.reader()
    with pytest.raises(TerminalError, match=r"cdc\.nowhere"):
        lake.reader("cdc.nowhere").reached()
    with pytest.raises(TerminalError, match="no snapshot 5"):
        stage.at(SnapshotPosition(5, 5))
    with pytest.raises(TerminalError):
        stage.at(VersionPosition(1))
    with pytest.raises(TerminalError, match="no column 'zip'"):
        stage.at(stage.reached().position).rows(["zip"])
    with pytest.raises(ConfigurationError, match="commits"):
        lake.ask(Facts("weather"))


def test_a_truncated_file_is_a_terminal_error(lake: Lake, tmp_path: Path) -> None:
    lake.append(1, 2, 3, offsets={0: 3})
    file = next((tmp_path / "warehouse").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:100])
    stage = lake.reader()
    with pytest.raises(TerminalError, match="could not be read"):
        engine("polars").measure(stage.at(stage.reached().position).rows, frozenset({Maximum("customer_id")}))


def test_a_catalog_that_is_away_is_transient_and_its_password_stays_secret(tmp_path: Path) -> None:
    with pytest.raises(TransientError) as raised:
        iceberg_catalog("demo", "postgresql+psycopg://me:secret@127.0.0.1:1/iceberg", f"file://{tmp_path}")
    assert "secret" not in str(raised.value)
