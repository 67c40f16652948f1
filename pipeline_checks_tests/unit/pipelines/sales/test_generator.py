"""The generated lines: exactly so many, with faults in rows of their own, and a truth that can be counted again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from pipeline_checks.pipelines.sales.seed.catalogue import BEGIN, CATEGORIES, product_rows, products, store_rows
from pipeline_checks.pipelines.sales.seed.csv_file import encoded, read_truth, write
from pipeline_checks.pipelines.sales.seed.edges import borders, edge_rows, rejects, write_edge_files
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, Generated, generate
from pipeline_checks.pipelines.sales.seed.geography import PLACES
from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS

TODAY = date(2026, 11, 21)


def made(name: str, rows: int | None = None, seed: int = 42) -> Generated:
    data = DATA_SETS[name]
    config = DataGenerationConfig(
        rows or data.rows,
        seed,
        error_rate=data.error_rate,
        duplicate_rate=data.duplicate_rate,
        null_rate=data.null_rate,
        today=TODAY,
    )
    return generate(config, edge_rows(config) if data.edges else ())


@pytest.mark.parametrize(
    ("name", "rows", "ledger"),
    [
        ("happy_path", None, (1000, 1000, 0, 0, 0)),
        ("data_quality", None, (1050, 900, 100, 50, 30)),
        ("edge_cases", None, (508, 493, 10, 5, 2)),
        ("high_volume", 5000, (5050, 4900, 100, 50, 25)),
        ("error_recovery", None, (500, 500, 0, 0, 0)),
    ],
)
def test_the_ledger_of_each_data_set(name: str, rows: int | None, ledger: tuple[int, ...]) -> None:
    generated = made(name, rows)
    counts = generated.truth.document["counts"]
    assert tuple(counts[n] for n in ("lines", "silver", "rejected", "duplicate", "nulls")) == ledger
    assert len(generated.rows) == ledger[0]


def test_the_faults_are_in_the_rows_that_the_truth_names_and_in_no_others() -> None:
    generated = made("data_quality")
    truth, rows = generated.truth.document, generated.rows
    found = {}
    for number, row in enumerate(rows, 1):
        order, discount = row["Order Date"] or "", Decimal(row["Discount"] or 0)
        reasons = [
            *(["invalid_sales"] if Decimal(row["Sales"] or 0) <= 0 else []),
            *(["invalid_quantity"] if int(row["Quantity"] or 0) <= 0 else []),
            *(["invalid_discount"] if not 0 <= discount <= 1 else []),
            *(["future_order_date"] if order[6:] + order[:2] + order[3:5] > TODAY.strftime("%Y%m%d") else []),
        ]
        assert len(reasons) <= 1
        if reasons:
            found[number] = reasons[0]
    assert found == {r["row"]: r["reason"] for r in truth["records"] if r["fate"] == "rejected"}
    assert Counter(found.values()) == dict.fromkeys(
        ("invalid_sales", "invalid_quantity", "invalid_discount", "future_order_date"), 25
    )
    sources = [r["of"] for r in truth["records"] if r["fate"] == "duplicate"]
    assert len(set(sources)) == 50 and not set(sources) & set(found)
    for record in truth["records"]:
        if record["fate"] == "duplicate":
            copy, source = rows[record["row"] - 1], rows[record["of"] - 1]
            assert copy == {**source, "Row ID": str(record["row"])} and record["row"] > 1000
    nulls = {n["row"]: n["column"] for n in truth["nulls"]}
    assert not set(nulls) & (set(found) | set(sources))
    empty = {
        number: [h for h in ("Customer Name", "Sub-Category") if row[h] is None]
        + (["Postal Code"] if row["Postal Code"] is None and row["Country"] in ("United States", "Canada") else [])
        for number, row in enumerate(rows, 1)
    }
    assert sum(len(columns) for columns in empty.values()) == 30
    assert {n for n, columns in empty.items() if columns} == set(nulls)


def test_lines_are_consistent_with_catalogue_and_places() -> None:
    generated = made("happy_path")
    catalogue = {p.product_id: p for p in products(500, TODAY)}
    places = {(p.city, p.state, p.country, p.postal_code, p.market, p.region) for p in PLACES}
    orders: dict[str | None, set[tuple[str | None, ...]]] = {}
    for row in generated.rows:
        product = catalogue[row["Product ID"] or ""]
        month, day, year = (int(part) for part in (row["Order Date"] or "").split("/"))
        price = product.price(date(year, month, day))
        sales = price * int(row["Quantity"] or 0) * (1 - Decimal(row["Discount"] or 0))
        assert row["Sales"] == str(sales.quantize(Decimal("0.01"), ROUND_HALF_UP))
        headings = ("City", "State", "Country", "Postal Code", "Market", "Region")
        assert tuple(row[h] for h in headings) in places
        head = (*(row[h] for h in headings), row["Order Date"], row["Ship Date"], row["Customer ID"])
        orders.setdefault(row["Order ID"], set()).add(head)
    assert all(len(heads) == 1 for heads in orders.values())
    assert 2.2 < len(generated.rows) / len(orders) < 2.8
    keys = [(row["Order ID"], row["Product ID"]) for row in generated.rows]
    assert len(set(keys)) == len(keys)


def test_equal_seeds_give_equal_bytes_and_other_ones_others() -> None:
    one, same, other = (encoded(made("data_quality", 200, seed).rows) for seed in (1, 1, 2))
    assert one == same != other


def test_sums_of_the_truth_are_those_of_the_rows_in_silver() -> None:
    generated = made("data_quality", 300)
    truth = generated.truth.document
    gone = {r["row"] for r in truth["records"]}
    kept = [row for number, row in enumerate(generated.rows, 1) if number not in gone]
    assert truth["sums"]["sales"] == str(sum(Decimal(row["Sales"] or 0) for row in kept))
    assert sum(Decimal(d["profit"]) for d in truth["daily"]) == Decimal(truth["sums"]["profit"])
    assert sum(d["rows"] for d in truth["daily"]) == truth["sums"]["rows"] == len(kept)


def test_one_product_in_ten_has_versions_and_every_version_has_its_price() -> None:
    catalogue = products(500, TODAY)
    rows = product_rows(catalogue)
    assert len({p.product_id for p in catalogue}) == 500
    assert sum(len(p.prices) > 1 for p in catalogue) == 50
    assert all(p.prices[0][0] == BEGIN and sorted(p.prices) == list(p.prices) for p in catalogue)
    assert all(row["unit_price"] > row["unit_cost"] > 0 for row in rows)
    assert {p.category for p in catalogue} == set(CATEGORIES) and all(len(c.products) == 15 for c in CATEGORIES)
    stores = store_rows(50)
    assert len({s["store_id"] for s in stores}) == 50 < len(stores)


def test_edge_rows_stand_at_the_borders() -> None:
    config = DataGenerationConfig(1, today=TODAY)
    large, small, long = edge_rows(config)
    assert (large["Sales"], large["Profit"], small["Sales"]) == ("999999.99", "100000.00", "0.01")
    assert (len(long["Product Name"] or ""), len(long["Customer Name"] or "")) == (255, 100)
    rows, truth = rejects(config)
    wanted = {
        *("missing_order_id", "missing_product_id", "invalid_sales", "invalid_quantity", "invalid_discount"),
        *("missing_date", "date_violation", "future_order_date", "malformed_record", "duplicate"),
    }
    assert set(truth.document["reasons"]) == wanted and len(rows) == truth.document["counts"]["lines"]
    assert borders(config)[1].document["counts"]["rejected"] == 3


def test_files_are_written_with_their_truth_beside_them(tmp_path: Path) -> None:
    for path in write_edge_files(tmp_path, DataGenerationConfig(1, today=TODAY)):
        truth = read_truth(path)
        assert truth["file"] == path.name
        if truth["outcome"] == "sent":
            text = path.read_bytes().decode("utf-8-sig")
            records = [r for r in csv.reader(io.StringIO(text, newline="")) if r]
            assert len(records) - 1 == truth["counts"]["lines"]
    write(tmp_path / "again.csv", b"x", {"outcome": "refused"})
    assert read_truth(tmp_path / "again.csv")["outcome"] == "refused"
