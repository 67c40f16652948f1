"""``init`` over a shop that this project knows nothing of: what it proposes, and that it holds at once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
from deltalake import DeltaTable

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run
from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.schema_registry import running_registry
from pipeline_checks_tests.stack.foreign_shop import CUSTOMERS, ORDERS, Shop, foreign_shop

NOW = datetime(2026, 1, 2, tzinfo=UTC)
pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]


@pytest.fixture(scope="module")
def shop(base_stack: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with foreign_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture
def project(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the working directory, with the variables of the shop."""
    monkeypatch.chdir(tmp_path)
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def init(shop: Shop, *more: str) -> int:
    asked = ["init", "--name", "shop", "--postgres", "SHOP_URL", "--kafka", "SHOP_BROKERS", "--topic", f"{shop.name}.*"]
    lakes = ["--delta", "SHOP_LAKE", "--iceberg", "shop:gold", "--iceberg-url", "SHOP_CATALOG"]
    return run([*asked, "--connect", "SHOP_CONNECT", *lakes, "--iceberg-warehouse", "SHOP_WAREHOUSE", *more])


def told(pipeline: Pipeline, shop: Shop) -> dict[str, tuple[Any, ...]]:
    """What is proposed of each stage that holds rows: what it is made from, its key, its event time."""
    return {
        s.name.replace(shop.name, "X"): (
            tuple(name.replace(shop.name, "X") for name in s.from_),
            s.contract.key,
            s.contract.event_time,
        )
        for s in pipeline.stages
        if s.holds_rows
    }


def report(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_what_is_proposed_of_a_foreign_shop_holds_at_once(
    shop: Shop, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(shop) == exits.PASSED, capsys.readouterr()
    pipeline = load_pipeline("shop", project)
    assert told(pipeline, shop) == {
        "pg_audit_log": ((), ("entry_id",), "created_at"),
        "pg_Orders": ((), ("id",), "modified_at"),
        "pg_closed": ((), ("id",), None),
        "pg_customers": ((), ("customer_id",), "updated_at"),
        "pg_odd_one": ((), ("code",), None),
        "pg_order_lines": ((), ("order_id", "line"), None),
        "pg_returns": ((), ("return_id",), None),
        "pg_visits": ((), (), None),
        "topic_X_public_Orders": (("pg_Orders", "connector_X"), ("id",), "modified_at"),
        "topic_X_public_customers": (("pg_customers", "connector_X"), ("customer_id",), "updated_at"),
        "topic_X_clicks": ((), ("click_id",), "at"),
        "topic_X_readings": ((), (), None),
        "delta_clicks": ((), (), None),
        "delta_orders": (("topic_X_public_Orders",), ("id",), None),
        "delta_bronze_customers": (("pg_customers",), ("customer_id",), "updated_at"),
        "iceberg_customers": (("pg_customers",), ("customer_id",), "updated_at"),
        "iceberg_orders": (("topic_X_public_Orders",), ("id",), None),
    }
    orders = pipeline.stage("pg_Orders").contract
    assert {n: str(c.type) for n, c in orders.columns.items()} == {
        "id": "int64",
        "customer_id": "int32",
        "state": "string",
        "amount": "decimal(12,2)",
        "paid_by": "string",
        "due_time": "timestamp",
        "modified_at": "timestamp",
    }
    assert {n: c.promises for n, c in orders.columns.items() if c.promises} == {
        "state": {"accepted": ["open", "paid", "sent"]},
        "amount": {"min": 0},
        "paid_by": {"accepted": ["card", "bill"]},
    }
    assert orders.promises == {"references": {"customer_id": {"source": "pg_customers", "column": "customer_id"}}}
    assert pipeline.stage("pg_customers").ignore == ("prices",)
    assert [s.name for s in pipeline.stages if s.may_be_empty] == ["pg_closed", "pg_returns"]
    text = (project / "defs" / "shop" / "defs.yaml").read_text()
    assert "# id was not taken as the key: 1 key with more than one record, 2 records too many" in text
    assert f"#   {shop.name}.pictures: its records are neither JSON nor Avro in Confluent's form" in text
    assert shop.connector.url not in text


def test_what_is_wrong_is_not_taken_for_a_promise(shop: Shop, project: Path) -> None:
    """A lake that has lost a row, a click that came twice, a time in the future: found, or not promised."""
    with connect(shop.connector.url) as database:
        database.execute("CREATE TABLE plans (id integer PRIMARY KEY, updated_at timestamptz NOT NULL, name text)")
        database.execute("INSERT INTO plans VALUES (1, '2040-01-01', 'far'), (2, '2020-01-01', 'near')")
    lake = DeltaTable(shop.folder / "delta" / "bronze" / "customers")
    before = lake.version()
    lake.delete("customer_id = 7")
    try:
        assert run(["init", "--name", "part", "--postgres", "SHOP_URL", "--table", "customers", "--table", "plans",
                    "--delta", "SHOP_LAKE", "--no-check"]) == exits.PASSED  # fmt: skip
        file = project / "defs" / "part" / "defs.yaml"
        assert "event_time: updated_at" in file.read_text().partition("pg_plans")[2]
        quick = file.read_text().replace("table: bronze/customers\n", "table: bronze/customers\n      lag_limit: 1s\n")
        file.write_text(quick)
        assert run(["check", "part", "--json", "report.json"]) == exits.FAILED
    finally:
        lake.restore(before)
        with connect(shop.connector.url) as database:
            database.execute("DROP TABLE plans")
    found = {
        (f["kind"], f["stage"], json.dumps(f["key"]))
        for c in report(project / "report.json")["checks"]
        for f in c["findings"]
    }
    assert {f for f in found if f[1] != "pg_plans"} == {("missing", "delta_bronze_customers", '{"customer_id": 7}')}
    assert {f[1] for f in found} == {"delta_bronze_customers", "pg_plans"}


def test_an_event_time_in_the_future_is_not_proposed(
    shop: Shop, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(shop.connector.url) as database:
        database.execute(
            "CREATE TABLE ahead (id integer PRIMARY KEY, updated_at timestamptz NOT NULL, created_at date)"
        )
        database.execute("INSERT INTO ahead VALUES (1, '2040-01-01', '2020-01-01')")
    try:
        asked = ["init", "--name", "ahead", "--postgres", "SHOP_URL", "--table", "public.ahead"]
        assert run([*asked, "--print"]) == exits.PASSED
    finally:
        with connect(shop.connector.url) as database:
            database.execute("DROP TABLE ahead")
    text = capsys.readouterr().out
    assert "event_time:" not in text
    assert "# updated_at was not taken as the event time: " in text


def test_only_part_of_it_and_only_once(shop: Shop, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["init", "--name", "part", "--postgres", "SHOP_URL", "--table", "customers"]
    assert run(asked) == exits.PASSED
    assert [s.name for s in load_pipeline("part", project).stages] == ["pg_customers"]
    assert run(asked) == exits.USAGE
    assert "--force" in capsys.readouterr().err
    assert run([*asked, "--table", "order_*", "--force"]) == exits.PASSED
    assert [s.name for s in load_pipeline("part", project).stages] == ["pg_customers", "pg_order_lines"]
    assert CUSTOMERS < ORDERS  # the references of order_lines lead to a table that was not asked for
    assert load_pipeline("part", project).stage("pg_order_lines").contract.promises == {}
    capsys.readouterr()
    assert run([*asked, "--connect", "SHOP_CONNECT", "--no-check", "--force"]) == exits.PASSED
    assert f"not taken: connector_{shop.name}: none of its topics was found" in capsys.readouterr().err
    assert run(["init", "--name", "none", "--postgres", "SHOP_URL", "--table", "nowhere"]) == exits.USAGE
    assert run(["init", "--name", "none", "--postgres", "NO_SUCH_URL"]) == exits.USAGE
    assert not (project / "defs" / "none").exists()


def test_without_the_database_the_topics_tell_what_their_rows_are(
    shop: Shop, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["init", "--name", "topics", "--kafka", "SHOP_BROKERS", "--topic", f"{shop.name}.public.*"]
    assert run([*asked, "--delta", "SHOP_LAKE"]) == exits.PASSED, capsys.readouterr()
    assert told(load_pipeline("topics", project), shop) == {
        "topic_X_public_Orders": ((), ("id",), "modified_at"),
        "topic_X_public_customers": ((), ("customer_id",), "updated_at"),
        "delta_clicks": ((), (), None),
        "delta_orders": (("topic_X_public_Orders",), ("id",), None),
        "delta_bronze_customers": ((), ("customer_id",), "updated_at"),
    }


def test_a_topic_of_avro_has_the_columns_of_its_schema_in_the_registry(
    shop: Shop, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = {
        "type": "record",
        "name": "Trade",
        "fields": [
            {"name": "trade_id", "type": "string"},
            {"name": "price", "type": "double"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        ],
    }
    topic = f"{shop.name}.trades"
    asked = ["init", "--name", "trades", "--kafka", "SHOP_BROKERS", "--topic", topic]
    with running_registry({f"{topic}-value": schema}) as url:
        monkeypatch.setenv("SHOP_REGISTRY", url)
        shop.send(
            topic, [(None, confluent_avro(schema, {"trade_id": f"t{i}", "price": i, "at": NOW})) for i in range(9)]
        )
        assert run(asked) == exits.USAGE
        assert "name the schema registry with --registry" in capsys.readouterr().err
        assert run([*asked, "--registry", "SHOP_REGISTRY"]) == exits.PASSED, capsys.readouterr()
    contract = load_pipeline("trades", project).stages[0].contract
    assert (contract.key, contract.event_time) == (("trade_id",), "at")
    assert {n: str(c.type) for n, c in contract.columns.items()} == {
        "trade_id": "string",
        "price": "float64",
        "at": "timestamptz",
    }


def confluent_avro(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    """A record as Confluent's serializer writes it, by the schema with the id 1."""
    out = io.BytesIO(b"\x00\x00\x00\x00\x01")
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()
