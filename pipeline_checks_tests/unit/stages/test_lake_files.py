"""The data file in which a row stands, by its key; and files that are not as the log tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import Maximum, Measure, RowCount
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.stages.delta import DeltaTable as Delta
from pipeline_checks.stages.delta import open_stage as open_delta
from pipeline_checks.stages.iceberg import IcebergTable
from pipeline_checks.stages.iceberg import open_stage as open_iceberg


def rows(*ids: int) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), "name": [f"n{i}" for i in ids]})


def test_the_file_of_a_delta_row_is_named_below_the_table(tmp_path: Path) -> None:
    for ids in ((1, 2), (3, 4)):
        write_deltalake(tmp_path, rows(*ids), mode="append")
    newest = next(iter(DeltaTable(tmp_path).file_uris(file_pruning_predicate="id = 3")))
    reader = open_delta(Delta(name="lake", path=str(tmp_path)))
    assert reader.at(reader.reached().position).files_of("id", [3, 99]) == {3: (Path(newest).name,)}


def test_a_row_that_was_written_twice_has_two_files(tmp_path: Path) -> None:
    for _ in range(2):
        write_deltalake(tmp_path, rows(1), mode="append")
    reader = open_delta(Delta(name="lake", path=str(tmp_path)))
    assert len(reader.at(reader.reached().position).files_of("id", [1])[1]) == 2


def test_the_file_of_an_iceberg_row_is_named_at_its_snapshot(tmp_path: Path) -> None:
    held = iceberg(tmp_path).files_of("id", [1, 3, 99])
    assert {key: len(files) for key, files in held.items()} == {1: 1, 3: 1}
    assert held[1] != held[3]
    assert all(file.startswith("data/") for files in held.values() for file in files)


def delta(folder: Path) -> PinnedStage:
    for ids in ((1, 2), (3, 4)):
        write_deltalake(folder, rows(*ids), mode="append")
    reader = open_delta(Delta(name="lake", path=str(folder)))
    return reader.at(reader.reached().position)


def iceberg(folder: Path) -> PinnedStage:
    url, warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
    catalog = iceberg_catalog("demo", url, warehouse)
    catalog.create_namespace("cdc")
    table = catalog.create_table("cdc.things", rows(1).schema)
    for ids in ((1, 2), (3, 4)):
        table.append(rows(*ids))
    catalog.close()  # type: ignore[attr-defined]
    declared = {"name": "lake", "table": "cdc.things", "catalog": {"name": "demo", "url": url, "warehouse": warehouse}}
    reader = open_iceberg(IcebergTable.model_validate(declared))
    return reader.at(reader.reached().position)


@pytest.mark.parametrize("table", [delta, iceberg])
def test_the_log_proves_nothing_of_files_that_are_not_as_it_tells(
    table: Callable[[Path], PinnedStage], tmp_path: Path
) -> None:
    asked: frozenset[Measure] = frozenset({Maximum("id"), RowCount()})
    pinned = table(tmp_path)
    assert [m.value for m in pinned.answer(asked).values()] == [4, 4]
    file = next(tmp_path.rglob("*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(TerminalError, match=f"{file.name} has .* bytes; the log of the table tells {len(whole):,}"):
        pinned.answer(asked)
    file.unlink()
    with pytest.raises(TerminalError, match=f"{file.name} cannot be read"):
        pinned.answer(asked)
    file.write_bytes(whole)
    assert [m.value for m in pinned.answer(asked).values()] == [4, 4]


def test_files_are_found_whatever_their_partition_is_called(tmp_path: Path) -> None:
    places = ["a b", "x:y", "50%", "é/ü", "a+b", None]
    write_deltalake(tmp_path, pa.table({"place": places, "id": range(6)}), partition_by=["place"])
    reader = open_delta(Delta(name="lake", path=str(tmp_path)))
    answers = reader.at(reader.reached().position).answer(frozenset({RowCount()}))
    assert answers[RowCount()].value == 6
