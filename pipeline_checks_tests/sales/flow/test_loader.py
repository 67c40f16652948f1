"""The loader: the raw tables equal silver and the reference files, whatever was changed in them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.pipelines.sales.flow.lake.covers import to_json
from pipeline_checks.pipelines.sales.flow.loader import Loader
from pipeline_checks.pipelines.sales.flow.loading.changes import changes
from pipeline_checks.pipelines.sales.flow.loading.ddl import create_tables
from pipeline_checks.pipelines.sales.flow.loading.warehouse import Warehouse
from pipeline_checks.pipelines.sales.flow.reading.reference import read_reference
from pipeline_checks.pipelines.sales.flow.tables import LINE_KEY, PRODUCTS, SILVER, STORES
from pipeline_checks.pipelines.sales.seed.catalogue import products, write_reference
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig
from pipeline_checks_tests.sales.flow.lake import lake_with
from pipeline_checks_tests.sales.flow.place import Place

NAMES = [c.name for c in SILVER]


def rows(url: str, table: str, names: list[str]) -> list[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(f"SELECT {', '.join(names)} FROM raw.{table} ORDER BY 1, 2").fetchall()  # type: ignore[arg-type]


def silver(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("sales_silver").select(NAMES).sort(NAMES[:2]).rows()


def test_rows_that_were_added_changed_or_removed_are_so_in_the_warehouse_too(place: Place) -> None:
    url, lake = place.database(), lake_with(place.delta, place.lines)
    loader = Loader(url, place.delta, place.folder)
    lake.take(["A", "B", "C"], Decimal("1.00"))
    loader.run(once=True)
    assert len(silver(place)) == 3
    assert rows(url, "sales_batch_raw", NAMES[1:]) == [r[1:] for r in silver(place)]
    lake.replace("A", Decimal("99999999.99"))
    lake.take(["D"], Decimal("0.01"))
    DeltaTable(lake.table.uri).delete("order_id = 'B'")
    lake.table.refresh()
    lake.table.maintain()
    loader.run(once=True)
    assert [r[1] for r in silver(place)] == ["A", "C", "D"]
    assert rows(url, "sales_batch_raw", NAMES[1:]) == [r[1:] for r in silver(place)]
    with connect(url) as connection:
        loads = connection.execute(
            "SELECT delta_version, covers, loaded_rows FROM raw.loads ORDER BY load_id"
        ).fetchall()
    assert [load[0] for load in loads] == [1, DeltaTable(lake.table.uri).version()]
    assert loads[-1][1:] == (to_json(lake.table.covers), 3)
    loader.run(once=True)
    with connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM raw.loads").fetchone() == (2,)


def test_a_table_that_was_made_anew_is_loaded_whole(place: Place) -> None:
    url, lake = place.database(), lake_with(place.delta, place.lines)
    for order in ("A", "B"):
        lake.take([order], Decimal("1.00"))
    Loader(url, place.delta, place.folder).run(once=True)
    (place.delta / "sales_silver").rename(place.folder / "gone")
    lake_with(place.delta, place.lines).take(["C"], Decimal("1.00"))
    Loader(url, place.delta, place.folder).run(once=True)
    assert rows(url, "sales_batch_raw", ["order_id", "product_id"]) == [("C", 'P, "quoted"')]


def test_two_loaders_do_not_load_the_same_version_twice(place: Place) -> None:
    url, lake = place.database(), lake_with(place.delta, place.lines)
    lake.take(["A"], Decimal("1.00"))
    with connect(url) as connection:
        create_tables(connection)
        warehouse = Warehouse(connection)
        found = changes(DeltaTable(lake.table.uri), None, NAMES, LINE_KEY)
        assert warehouse.load("sales_batch_raw", found, None) == 1
        with pytest.raises(TransientError, match="somebody else"):
            warehouse.load("sales_batch_raw", found, None)
        assert connection.execute("SELECT count(*) FROM raw.loads").fetchone() == (1,)


def test_reference_files_are_loaded_whole_when_they_change(place: Place) -> None:
    url, on = place.database(), DataGenerationConfig(1).last_day
    loader = Loader(url, place.delta, place.folder)
    for count in (30, 20):
        write_reference(place.folder, products(count, on), 10)
        loader.run(once=True)
        for file, table, columns in (("products.csv", "product_raw", PRODUCTS), ("stores.csv", "store_raw", STORES)):
            names = [c.name for c in columns]
            wanted = pl.DataFrame(read_reference(place.folder / file, columns), infer_schema_length=None)
            key = (names[0], "effective_date")
            assert sorted(rows(url, table, names)) == sorted(wanted.select(names).rows()), (count, table, key)
    with connect(url) as connection:
        loads = connection.execute("SELECT table_name FROM raw.loads ORDER BY load_id").fetchall()
    assert [name for (name,) in loads] == ["product_raw", "store_raw", "product_raw"]


def test_a_reference_file_that_is_wrong_is_located(tmp_path: Path) -> None:
    write_reference(tmp_path, products(5, DataGenerationConfig(1).last_day), 2)
    path = tmp_path / "products.csv"
    text = path.read_text().splitlines()
    text[3] = text[3].replace("2020-01-01", "2020-13-01")
    path.write_text("\n".join(text))
    with pytest.raises(TerminalError, match=r"products\.csv, line 4, column 'effective_date'"):
        read_reference(path, PRODUCTS)
