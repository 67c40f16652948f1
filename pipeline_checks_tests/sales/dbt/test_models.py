"""The models on generated rows: nothing is lost without a word, sums agree, versions partition time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipeline_checks.pipelines.sales.flow.transforming.runs import Run
from pipeline_checks.pipelines.sales.flow.transforming.transform import Transformation
from pipeline_checks_tests.sales.dbt.rows import event, line, product, references, store
from pipeline_checks_tests.sales.dbt.warehouse import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

LINES, EVENTS = 120, 60
MODELS = 15
FEEDS = {"BATCH": LINES, "KAFKA": EVENTS}


@pytest.fixture(scope="module")
def run(warehouse: Warehouse, transformation: Transformation) -> Run:
    """A run over clean rows."""
    products, stores = references()
    warehouse.insert("product_raw", products)
    warehouse.insert("store_raw", stores)
    warehouse.insert("sales_batch_raw", [line(n) for n in range(LINES)])
    warehouse.insert("sales_raw", [event(n) for n in range(EVENTS)])
    return transformation.run()


def test_all_models_are_built_and_all_tests_pass(warehouse: Warehouse, run: Run) -> None:
    assert run.error is None
    assert [(t.name, t.message) for t in run.tests if t.status != "pass"] == []
    assert (run.built, run.success, run.models, run.failed_tests) == (True, True, MODELS, 0)
    assert len(run.tests) > 100
    recorded = warehouse.rows(
        "SELECT run_id, built, success, load_id, loads->'sales_raw'->'loaded_rows' FROM marts.dbt_runs"
    )
    assert recorded == [(run.run_id, True, True, 4, EVENTS)]
    assert warehouse.count("marts.dbt_test_results") == len(run.tests)
    unattached = [t.name for t in run.tests if not t.model]
    assert unattached == []


def test_of_clean_rows_none_is_left_out(warehouse: Warehouse, run: Run) -> None:
    assert warehouse.rows("SELECT * FROM marts.exclusions") == []
    found = warehouse.rows("SELECT source_system, count(*) FROM marts.fact_sales GROUP BY 1 ORDER BY 1")
    assert dict(found) == FEEDS


@pytest.mark.usefixtures("run")
def test_facts_are_the_raw_rows_by_key_and_amount(warehouse: Warehouse) -> None:
    different = warehouse.rows(
        """
        WITH raw AS (
            SELECT source_system, upper(order_id) AS order_id, upper(product_id) AS product_id, quantity, sales AS net,
                order_date AS day
            FROM raw.sales_batch_raw
            UNION ALL
            SELECT source_system, upper(order_id), upper(product_id), quantity, total_price,
                (sale_timestamp AT TIME ZONE 'UTC')::date
            FROM raw.sales_raw
        ), facts AS (
            SELECT source_system, order_id, product_id, quantity_sold, net_sales_amount, sale_date FROM marts.fact_sales
        )
        (SELECT * FROM raw EXCEPT ALL SELECT * FROM facts) UNION ALL (SELECT * FROM facts EXCEPT ALL SELECT * FROM raw)
        """
    )
    assert different == []


@pytest.mark.usefixtures("run")
def test_totals_by_day_and_category_agree_from_the_raw_rows_to_the_days(warehouse: Warehouse) -> None:
    raw = """
        SELECT order_date AS day, upper(category), count(*), sum(quantity), sum(sales) FROM raw.sales_batch_raw
        GROUP BY 1, 2 ORDER BY 1, 2
    """
    fact = """
        SELECT sale_date, category, count(*), sum(quantity_sold), sum(net_sales_amount) FROM marts.fact_sales
        WHERE source_system = 'BATCH' GROUP BY 1, 2 ORDER BY 1, 2
    """
    assert warehouse.rows(raw) == warehouse.rows(fact)
    detail = """
        SELECT sale_date, category, count(*), sum(quantity_sold), sum(net_sales_amount), sum(profit_amount)
        FROM marts.fact_sales GROUP BY 1, 2 ORDER BY 1, 2
    """
    daily = """
        SELECT sale_date, category, sum(transaction_count), sum(total_quantity), sum(total_net_amount),
            sum(total_profit_amount)
        FROM marts.fact_sales_daily GROUP BY 1, 2 ORDER BY 1, 2
    """
    assert warehouse.rows(detail) == warehouse.rows(daily)


@pytest.mark.usefixtures("run")
def test_every_day_of_every_product_and_store_has_exactly_one_version(warehouse: Warehouse) -> None:
    for model, key in (("int_product_scd2", "product_id"), ("int_store_scd2", "store_id")):
        wrong = warehouse.rows(
            f"""
            WITH days AS (SELECT date_value FROM marts.dim_date),
            ids AS (SELECT {key} AS id, min(effective_date) AS first_day FROM intermediate.{model} GROUP BY 1)
            SELECT id, date_value, count(v.{key})
            FROM ids JOIN days ON date_value >= first_day
            LEFT JOIN intermediate.{model} v
                ON v.{key} = id AND date_value BETWEEN v.effective_date AND v.expiration_date
            GROUP BY 1, 2 HAVING count(v.{key}) <> 1
            """
        )
        assert wrong == [], model


@pytest.mark.usefixtures("run")
def test_a_sale_has_the_version_of_its_day(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        """
        SELECT DISTINCT f.sale_date, d.version_number, d.unit_price FROM marts.fact_sales f
        JOIN marts.dim_product d USING (product_key) WHERE f.product_id = 'BOOKS_FICTION_003' ORDER BY 1
        """
    )
    assert found
    for day, version, price in found:
        wanted = 1 if day < date(2026, 11, 4) else 2 if day < date(2026, 11, 8) else 3
        assert (version, price) == (wanted, Decimal("17.00") if wanted == 2 else Decimal("15.00")), day
    assert {version for _, version, _ in found} == {1, 2, 3}


@pytest.mark.usefixtures("run")
def test_values_of_a_sale(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        """
        SELECT gross_sales_amount, discount_amount, net_sales_amount, profit_amount, cost_amount, discount_pct,
            discount_category, quantity_category, order_size, time_key, store_id
        FROM marts.fact_sales WHERE source_position = 'orders.csv:6'
        """
    )
    # 25.99 x 7 less 15 %: 154.64; before the discount 181.93
    profit = Decimal("61.86")
    wanted = (Decimal("181.93"), Decimal("27.29"), Decimal("154.64"), profit, Decimal("154.64") - profit)
    assert found == [(*wanted, Decimal("15.0000"), "MEDIUM_DISCOUNT", "MANY", "MEDIUM", None, "DIRECT")]
    estimated = warehouse.rows(
        "SELECT profit_amount, is_profit_estimated, time_key, time_of_day FROM marts.fact_sales"
        " WHERE source_position = 'sales_events:0:6'"
    )
    # event 6: 2 x 18.49, at six in the morning
    assert estimated == [(Decimal("5.55"), True, 600, "MORNING")]


@pytest.mark.usefixtures("run")
def test_days(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "SELECT date_key, day_name, is_weekend, iso_week, iso_year, fiscal_year, fiscal_month, fiscal_quarter,"
        " holiday_name FROM marts.dim_date WHERE date_value IN ('2024-02-29', '2021-01-01', '2026-12-25') ORDER BY 1"
    )
    assert found == [
        (20210101, "Friday", False, 53, 2020, 2020, 12, 4, "New Year's Day"),
        (20240229, "Thursday", False, 9, 2024, 2024, 1, 1, None),
        (20261225, "Friday", False, 52, 2026, 2026, 11, 4, "Christmas Day"),
    ]
    assert warehouse.rows("SELECT min(date_value), max(date_value) FROM marts.dim_date") == [
        (date(2020, 1, 1), date(2026, 12, 31))
    ]


def test_a_second_run_gives_the_same_tables(warehouse: Warehouse, transformation: Transformation, run: Run) -> None:
    def state() -> list[object]:
        tables = ("fact_sales", "fact_sales_daily", "dim_product", "dim_store", "dim_customer")
        return [warehouse.rows(f"SELECT * FROM marts.{t} ORDER BY 1") for t in tables]

    before = state()
    again = transformation.run()
    assert again.success and again.run_id != run.run_id
    assert state() == before


FLAWS = (
    ("stg_sales_batch", line(901, order_date=date(2019, 12, 31), ship_date=None), "date_before_2020"),
    ("stg_sales_batch", line(902, order_date=date(2026, 11, 30), ship_date=None), "future_date"),
    ("stg_sales_batch", line(903, ship_date=date(2026, 10, 1)), "ship_before_order"),
    ("stg_sales_batch", line(904, quantity=0), "invalid_quantity"),
    ("stg_sales_batch", line(905, sales=Decimal("0.00")), "invalid_price"),
    ("stg_sales_batch", line(906, discount=Decimal("1.5")), "invalid_discount"),
    ("stg_sales_batch", line(907, discount=Decimal(1)), "full_discount"),
    ("stg_sales_batch", line(908, customer_name=None, segment=None, region=None), "low_quality_score"),
    ("stg_sales_batch", line(0, order_id="order_00000000 ", source_row_number=9000), "duplicate_key"),
    ("stg_sales_raw", event(901, store_id=""), "missing_store"),
    ("stg_sales_raw", event(902, sale_timestamp=datetime(2026, 12, 24, tzinfo=UTC)), "future_date"),
    ("stg_sales_raw", event(903, quantity=-1), "invalid_quantity"),
    ("stg_sales_raw", event(904, unit_price=Decimal("10000.01")), "invalid_price"),
    ("stg_sales_raw", event(905, total_price=Decimal("99999.00")), "invalid_price"),
    ("stg_sales_raw", event(906, discount=Decimal("-0.1")), "invalid_discount"),
    (
        "int_sales_unified",
        event(7, order_id="U", sale_timestamp=datetime(2026, 11, 3, tzinfo=UTC), customer_id="", payment_method=None),
        "low_quality_score",
    ),
    ("fact_sales", line(910, product_id="BOOKS_UNKNOWN_001"), "no_product_version"),
    (
        "fact_sales",
        event(911, order_id="S", sale_timestamp=datetime(2026, 11, 3, tzinfo=UTC), store_id="STORE_999"),
        "no_store_version",
    ),
    (
        "fact_sales",
        event(
            8, order_id="F", sale_timestamp=datetime(2026, 11, 3, tzinfo=UTC), store_location=None, payment_method=None
        ),
        "low_quality_score",
    ),
)


def test_every_flawed_row_is_left_out_by_the_first_model_that_refuses_it_and_no_other_row_is(
    warehouse: Warehouse, transformation: Transformation, run: Run
) -> None:
    assert run.success
    warehouse.insert("sales_batch_raw", [row for _, row, _ in FLAWS if row["source_system"] == "BATCH"])
    warehouse.insert("sales_raw", [row for _, row, _ in FLAWS if row["source_system"] == "KAFKA"])
    warehouse.insert(
        "product_raw",
        [
            product(20, unit_price=None),
            product(21, brand=None, sub_category=None, unit_cost=None, product_name=None),
            product(22, brand=None, sub_category=None, unit_cost=None),
        ],
    )
    warehouse.insert(
        "store_raw",
        [
            store(20, opening_date=date(2025, 1, 1)),
            store(0) | {"store_id": "direct"},
            store(21, city=None, region=None, store_name=None),
        ],
    )
    flawed = transformation.run()
    assert flawed.built, flawed.error
    wanted = {
        (model, f"{row['order_id'].strip().upper()}|{row['product_id']}", reason) for model, row, reason in FLAWS
    } | {
        ("stg_products", "BOOKS_FICTION_020|2024-01-01", "invalid_price"),
        ("stg_products", "BOOKS_FICTION_021|2024-01-01", "low_quality_score"),
        ("dim_product", "BOOKS_FICTION_022|2024-01-01", "low_quality_score"),
        ("stg_stores", "STORE_020|2024-01-01", "opened_after_effective"),
        ("stg_stores", "DIRECT|2024-01-01", "reserved_key"),
        ("dim_store", "STORE_021|2024-01-01", "low_quality_score"),
    }
    found = warehouse.rows("SELECT model, key, reason FROM marts.exclusions")
    assert sorted(found) == sorted(wanted)
    facts = warehouse.rows("SELECT source_system, count(*) FROM marts.fact_sales GROUP BY 1")
    assert dict(facts) == FEEDS
    assert [t.name for t in flawed.tests if t.status not in ("pass", "warn")] == []
