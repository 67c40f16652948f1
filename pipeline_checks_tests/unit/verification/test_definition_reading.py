"""What a defs.yaml becomes: stages, repeated stages, inherited and shared contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.pipelines.cdc.flow.connector import configuration
from pipeline_checks.verification.definition import check_pipeline
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, load


def test_a_file_becomes_a_pipeline_of_typed_stages(tmp_path: Path) -> None:
    pipeline = load(tmp_path, SHOP)
    source, lake = pipeline.stages
    assert (pipeline.name, source.kind, lake.kind, lake.from_) == ("shop", "postgres_table", "delta_table", ("source",))
    assert source.connection.url == EnvironmentVariable(env="SHOP_URL")  # type: ignore[attr-defined]


def test_a_stage_without_contract_inherits_that_of_its_first_upstream_with_rows(tmp_path: Path) -> None:
    pipeline = load(tmp_path, SHOP)
    assert pipeline.stage("lake").contract == pipeline.stage("source").contract


def test_a_contract_of_promises_alone_adds_them_to_the_inherited_one(tmp_path: Path) -> None:
    lake = load(tmp_path, SHOP + "      contract: {counts: {min: 5}}\n").stage("lake").contract
    assert lake.key == ("customer_id",)
    assert lake.promises == {"counts": {"min": 5}}


def test_a_contract_written_out_stands_for_itself(tmp_path: Path) -> None:
    lake = load(tmp_path, SHOP + "      contract: {key: [id]}\n").stage("lake").contract
    assert (lake.key, dict(lake.columns)) == (("id",), {})


def test_an_inherited_contract_of_a_change_log_is_about_its_records(tmp_path: Path) -> None:
    log = load(tmp_path, SHOP + "      mode: changes\n").stage("lake").contract
    assert log.key == ("_topic", "_partition", "_offset")
    assert log.columns["email"].nullable, "a delete carries no values"
    assert log.columns["customer_id"].nullable, "a truncate does not even carry a key"
    assert not log.columns["_offset"].nullable
    assert log.event_time == "updated_at"


def test_dead_letters_have_the_coordinates_of_their_records_and_no_columns_of_rows(tmp_path: Path) -> None:
    letters = load(tmp_path, SHOP + "      mode: dead_letters\n").stage("lake").contract
    assert (letters.key, letters.event_time) == (("_topic", "_partition", "_offset"), None)
    assert set(letters.columns) == {"_topic", "_partition", "_offset"}


def test_for_each_repeats_its_stages_with_the_name_filled_in_everywhere(tmp_path: Path) -> None:
    text = """
        attributes:
          name: shop
          contracts:
            customers: {key: [customer_id]}
            orders: {key: [order_id]}
          stages:
            - for_each: {table: [customers, orders], copy: [a, b]}
              stages:
                - {name: "{table}_{copy}", kind: delta_table, path: "/lake/{copy}/{table}", contract: "{table}"}
        """
    pipeline = load(tmp_path, text)
    assert [s.name for s in pipeline.stages] == ["customers_a", "customers_b", "orders_a", "orders_b"]
    assert pipeline.stage("orders_b").path == "/lake/b/orders"  # type: ignore[attr-defined]
    assert pipeline.stage("orders_b").contract.key == ("order_id",)


def test_merge_keys_and_anchors_of_yaml_may_be_used(tmp_path: Path) -> None:
    text = """
        attributes:
          name: shop
          contracts:
            a: {key: [id], columns: &columns {id: int64, name: string}}
            b: {key: [id], columns: {<<: *columns, full_name: string}}
          stages:
            - {name: lake, kind: delta_table, path: /lake, contract: b}
        """
    assert list(load(tmp_path, text).stage("lake").contract.columns) == ["id", "name", "full_name"]


SCHEMA = """
import pandera.polars as pa

class Customers(pa.DataFrameModel):
    customer_id: int = pa.Field(unique=True, ge=1)
    status: str = pa.Field(isin=["new", "old"], nullable=True)
"""


def test_a_contract_may_be_a_pandera_schema_with_promises_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_schemas.py").write_text(SCHEMA)
    monkeypatch.syspath_prepend(tmp_path)
    text = """
        attributes:
          name: shop
          stages:
            - name: lake
              kind: delta_table
              path: /lake
              contract: {schema: "shop_schemas:Customers", counts: {min: 1}}
        """
    contract = load(tmp_path, text).stage("lake").contract
    assert (contract.key, list(contract.columns)) == (("customer_id",), ["customer_id", "status"])
    assert contract.columns["status"].promises == {"accepted": ["new", "old"]}
    assert contract.promises == {"counts": {"min": 1}}
    with pytest.raises(ConfigurationError, match=r"defs\.yaml:8: attributes\.stages\[0\]\.contract\.schema: "):
        load(tmp_path, text.replace("Customers", "Clients"))


def test_our_cdc_pipeline_has_its_forty_stages() -> None:
    pipeline = load_pipeline("cdc")
    assert len(pipeline.stages) == 40
    assert pipeline.stage("topic_orders").from_ == ("pg_orders", "connector")
    assert pipeline.stage("topic_orders").contract == pipeline.stage("pg_orders").contract
    assert pipeline.stage("iceberg_orders_changes").contract.key == ("_topic", "_partition", "_offset")
    assert pipeline.stage("api_customers").contract == pipeline.stage("delta_customers").contract
    assert not pipeline.stage("connector").contract.key


def test_a_pipeline_built_in_python_is_checked_for_its_promises() -> None:
    class Plain(StageDeclaration):
        kind: str = "plain"

    with pytest.raises(ConfigurationError, match="names no key"):
        check_pipeline(Pipeline(name="shop", stages=(Plain(name="lake"),)))


def test_the_connector_s_declared_configuration_is_the_one_that_the_flow_registers() -> None:
    registered = configuration("postgresql://someone@host/db")
    declared = load_pipeline("cdc").stage("connector").config  # type: ignore[attr-defined]
    assert declared
    for name, wanted in declared.items():
        assert registered[name] == (str(wanted).lower() if isinstance(wanted, bool) else str(wanted)), name


def test_a_change_log_may_say_which_columns_hold_what_the_event_tells(tmp_path: Path) -> None:
    told = "path: /lake/customers\n      mode: changes\n      columns: {op: __op, is_deleted: \"__op = 'd'\"}"
    lake = load(tmp_path, SHOP.replace("path: /lake/customers", told)).stage("lake")
    assert lake.columns == {"op": "__op", "is_deleted": "__op = 'd'"}
    assert "op" not in lake.contract.columns
