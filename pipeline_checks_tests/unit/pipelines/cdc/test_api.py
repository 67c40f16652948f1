"""The API serves named versions of the Delta tables and answers every request."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from fastapi.testclient import TestClient

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow.api import create_app, decode_cursor, encode_cursor
from pipeline_checks.pipelines.cdc.flow.lakes import state_columns
from pipeline_checks.pipelines.cdc.flow.served import ServedTable
from pipeline_checks.pipelines.cdc.flow.sink import conformed
from pipeline_checks.pipelines.cdc.flow.tables import ORDERS

AT = datetime(2026, 1, 2, 3, 4, 5, 678)


def orders(keys: list[int], amount: str = "12.50") -> pa.Table:
    rows = {
        "order_id": pa.array(keys, pa.int64()),
        "total_amount": pa.array([Decimal(amount)] * len(keys), pa.decimal128(10, 2)),
        "order_date": pa.array([AT] * len(keys), pa.timestamp("us")),
        "_offset": pa.array(range(len(keys)), pa.int64()),
    }
    return conformed(pa.table(rows), state_columns(ORDERS))


@pytest.fixture
def table(tmp_path: Path) -> ServedTable:
    write_deltalake(tmp_path / "orders", orders([3, 1, 2]))
    return ServedTable("orders", str(tmp_path / "orders"), "order_id", tmp_path / "versions.jsonl")


@pytest.fixture
def api(table: ServedTable) -> Iterator[TestClient]:
    with TestClient(create_app({"orders": table}), raise_server_exceptions=False) as client:
        assert Deadline(10).wait_until(lambda: table.newest is not None, every=0.01)
        yield client


def newest(api: TestClient, version: int) -> Any:
    def served() -> bool:
        table = api.get("/health").json()["tables"]["orders"]  # None while it is loaded from the beginning
        return table is not None and table["version"] == version

    assert Deadline(10).wait_until(served, every=0.01)
    return api.get("/orders").json()


def test_a_page_holds_rows_in_the_order_of_the_key_with_exact_values(api: TestClient) -> None:
    answer = api.get("/orders")
    body = answer.json()
    assert [row["order_id"] for row in body["items"]] == [1, 2, 3]
    assert body["items"][0]["total_amount"] == "12.50"
    assert body["items"][0]["order_date"] == "2026-01-02T03:04:05.000678Z"
    assert not any(name.startswith("_") for name in body["items"][0])
    assert (body["version"], body["total"], body["next"]) == (0, 3, None)
    assert answer.headers["X-Table-Version"] == "0"
    assert datetime.fromisoformat(answer.headers["X-Loaded-At"]).tzinfo is not None


def test_paging_by_cursor_stays_at_its_version_while_the_table_changes(api: TestClient, table: ServedTable) -> None:
    first = api.get("/orders", params={"limit": 2}).json()
    write_deltalake(table.uri, orders([0]), mode="append")
    assert [r["order_id"] for r in newest(api, 1)["items"]] == [0, 1, 2, 3]
    second = api.get("/orders", params={"limit": 2, "cursor": first["next"]}).json()
    assert (second["version"], [r["order_id"] for r in second["items"]], second["next"]) == (0, [3], None)
    assert [r["order_id"] for r in api.get("/orders?version=0&offset=1&limit=1").json()["items"]] == [2]


def test_rows_that_are_there_twice_are_served_twice(api: TestClient, table: ServedTable) -> None:
    write_deltalake(table.uri, orders([2]), mode="append")
    body = newest(api, 1)
    assert (body["total"], [r["order_id"] for r in body["items"]]) == (4, [1, 2, 2, 3])


def test_one_row_is_found_by_its_key(api: TestClient) -> None:
    assert api.get("/orders/2").json()["order_id"] == 2
    assert api.get("/orders/2?version=0").status_code == 200
    assert api.get("/orders/9").status_code == 404
    assert api.get("/orders/-9223372036854775807").status_code == 404


def test_a_version_that_is_not_in_memory_is_read(api: TestClient, table: ServedTable) -> None:
    write_deltalake(table.uri, orders([4]), mode="append")
    newest(api, 1)
    table._older.clear()
    assert api.get("/orders?version=0").json()["total"] == 3


def test_the_version_log_tells_when_each_version_could_be_asked_for(api: TestClient, table: ServedTable) -> None:
    DeltaTable(table.uri).delete("order_id = 1")
    newest(api, 1)
    log = api.get("/versions/orders").json()
    assert [entry["version"] for entry in log] == [0, 1]
    for entry in log:
        assert datetime.fromisoformat(entry["loaded_at"]) >= datetime.fromisoformat(entry["committed_at"])
    again = ServedTable("orders", table.uri, "order_id", table._log_file)
    again._look()
    assert [entry["version"] for entry in again.log()][:2] == [0, 1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/orders?version=7", 404),
        ("/orders?version=-1", 422),
        ("/orders?version=x", 422),
        ("/orders?version=99999999999999999999999", 422),
        ("/orders?limit=0", 422),
        ("/orders?limit=10001", 422),
        ("/orders?offset=-1", 422),
        ("/orders?offset=9223372036854775807", 200),
        ("/orders?cursor=x", 422),
        ("/orders?cursor=%00%ff", 422),
        ("/orders?cursor=" + "a" * 65, 422),
        ("/orders?cursor=" + encode_cursor(7, 0), 404),
        ("/orders?cursor=" + encode_cursor(0, 1) + "&offset=1", 422),
        ("/orders?cursor=" + encode_cursor(0, 1) + "&version=1", 422),
        ("/orders/abc", 422),
        ("/orders/1e400", 422),
        ("/orders/99999999999999999999999", 422),
        ("/orders/%F0%9F%92%A9", 422),
        ("/versions/%00", 404),
        ("/nothing", 404),
    ],
)
def test_whatever_is_asked_there_is_an_answer_and_no_error_of_the_server(
    api: TestClient, path: str, status: int
) -> None:
    assert api.get(path).status_code == status


def test_before_the_table_is_there_it_says_so(tmp_path: Path) -> None:
    absent = ServedTable("orders", str(tmp_path / "none"), "order_id", tmp_path / "log")
    with TestClient(create_app({"orders": absent})) as client:
        assert client.get("/orders").status_code == 503
        assert client.get("/health").status_code == 503
        assert client.get("/health").json()["ready"] is False


def test_the_document_describes_the_items(api: TestClient) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    amount = schemas["Order"]["properties"]["total_amount"]["anyOf"]
    assert {"type": "string", "format": "decimal"} in amount
    assert {"type": "string", "format": "date-time"} in schemas["Order"]["properties"]["order_date"]["anyOf"]
    assert schemas["Order"]["required"] == ["order_id"]
    assert set(schemas["OrderPage"]["required"]) == {"version", "total", "items"}


def test_a_cursor_is_read_back() -> None:
    assert decode_cursor(encode_cursor(12, 345)) == (12, 345)
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor("MTI6LTM")


def test_a_table_that_is_put_back_to_an_earlier_version_is_served_as_it_then_is(
    api: TestClient, table: ServedTable, tmp_path: Path
) -> None:
    write_deltalake(tmp_path / "orders", orders([4]), mode="append")
    assert len(newest(api, 1)["items"]) == 4
    (tmp_path / "orders/_delta_log/00000000000000000001.json").unlink()
    assert [row["order_id"] for row in newest(api, 0)["items"]] == [1, 2, 3]
    write_deltalake(tmp_path / "orders", orders([5]), mode="append")
    assert [row["order_id"] for row in newest(api, 1)["items"]] == [1, 2, 3, 5]
    assert [entry["version"] for entry in table.log()] == [0, 1]
