"""Damage behind the mover's back is named with its keys, at its stage, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from pipeline_checks.clients.lake import iceberg_catalog, load_iceberg, open_delta
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks_tests.cdc.commands import check, findings
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.mover import stopped
from pipeline_checks_tests.conftest import RunningStack

pytestmark = pytest.mark.leaves_damage


def _key(**key: Any) -> str:
    return json.dumps(key, sort_keys=True)


def test_three_rows_deleted_in_iceberg_and_two_doubled_in_delta_are_found_and_nothing_else(
    stack: RunningStack, main_job: MainJob
) -> None:
    from deltalake import write_deltalake
    from pyiceberg.expressions import In

    with psycopg.connect(setting("CDC_POSTGRES_URL")) as source:
        customers = [k for (k,) in source.execute("SELECT customer_id FROM customers ORDER BY 1 LIMIT 3")]
        orders = [k for (k,) in source.execute("SELECT order_id FROM orders ORDER BY 1 LIMIT 2")]
    stack.up(services())  # whatever the tests before this one have killed
    code, document = check("cdc", "--only", "counts,duplicates,continuity")
    assert findings(document) == set()
    with stopped(stack):
        catalog = iceberg_catalog("demo_catalog", setting("ICEBERG_CATALOG_URL"), setting("ICEBERG_WAREHOUSE"))
        load_iceberg(catalog, "cdc.customers").delete(In("customer_id", customers))
        delta = open_delta(f"{setting('DELTA_TABLE_PATH')}/orders")
        predicate = f"order_id IN ({', '.join(map(str, orders))})"
        doubled = open_delta(f"{setting('DELTA_TABLE_PATH')}/orders").scan(predicate=predicate)
        write_deltalake(delta, doubled, mode="append")
        written = delta.version()
    code, document = check("cdc", "--only", "counts,schema,duplicates,freshness,nulls,values,continuity")
    assert code == 1, document["verdict"]
    seen = findings(document)
    foreign = {f for f in seen if f[3] == "foreign_writer"}
    assert {(kind, stage) for kind, stage, _, _ in foreign} == {
        ("unexpected", "iceberg_customers"),
        ("unexpected", "delta_orders"),
    }
    assert {(kind, stage, key) for kind, stage, key, _ in seen - foreign} == {
        *(("missing", "iceberg_customers", _key(customer_id=k)) for k in customers),
        *(("duplicate", "delta_orders", _key(order_id=k)) for k in orders),
    }
    positions = [
        f["position"]
        for c in document["checks"]
        if (c["stage"], c["check"]) == ("delta_orders", "continuity")
        for f in c["findings"]
    ]
    assert positions == [{"kind": "version", "value": written}]
    failed = {(c["stage"], c["check"]) for c in document["checks"] if c["verdict"] != "PASS"}
    assert failed == {
        ("iceberg_customers", "counts"),
        ("iceberg_customers", "continuity"),
        ("delta_orders", "counts"),
        ("delta_orders", "duplicates"),
        ("delta_orders", "continuity"),
        ("api_orders", "counts"),
        ("api_orders", "duplicates"),
    }
