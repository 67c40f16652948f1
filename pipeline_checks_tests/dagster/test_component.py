"""The component in a Dagster project: what it makes, and where its mistakes are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks_tests.dagster.projects import load_project, make_lake
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, line_of


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def problems(folder: Path, text: str) -> ConfigurationError:
    with pytest.raises(Exception, match="defs") as caught:
        load_project(folder, text)
    return next(e for e in causes(caught.value) if isinstance(e, ConfigurationError))


@pytest.mark.parametrize(
    ("right", "wrong", "field"),
    [
        ("customer_id: int64", "customer_id: int46", "contract.columns.customer_id"),
        ("path: /lake/customers", "paht: /lake/customers", "stages[1].paht"),
        ("{env: SHOP_URL}", "postgresql://u:secret@h/d", "connection.url"),
        ("from: source", "from: nowhere", "stages[1].from"),
        ("kind: delta_table", "kind: delta_tabel", "stages[1].kind"),
    ],
)
def test_a_mistake_is_told_with_its_own_line(right: str, wrong: str, field: str, tmp_path: Path) -> None:
    text = SHOP.replace(right, wrong)
    told = problems(tmp_path, text)
    line = line_of(text, wrong)
    assert any(p["line"] == line and field in p["field"] for p in told.data["problems"]), told.message
    assert all(p["file"].endswith("defs.yaml") for p in told.data["problems"])
    assert "secret" not in str(told)


def test_a_wrong_engine_is_told_with_its_own_line(tmp_path: Path) -> None:
    text = SHOP.replace("  name: shop\n", "  name: shop\n  engine: {spark: 'local[2]'}\n")
    (told,) = problems(tmp_path, text).data["problems"]
    assert (told["line"], told["field"]) == (line_of(text, "engine:"), "attributes.engine.spark")


def test_the_resource_that_gives_the_spark_session_is_asked_for_when_it_is_missing(tmp_path: Path) -> None:
    text = make_lake(tmp_path).replace("  name: lake\n", "  name: lake\n  engine: {spark: {resource: cluster}}\n")
    loaded = load_project(tmp_path, text)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'cluster'"):
        loaded.get_repository_def()
    given = dg.Definitions.merge(loaded, dg.Definitions(resources={"cluster": object()}))
    assert given.resolve_job_def("lake_check") is not None


def test_several_mistakes_are_told_together(tmp_path: Path) -> None:
    text = SHOP.replace("int64", "int46").replace("from: source", "from: nowhere")
    assert len(problems(tmp_path, text).data["problems"]) == 2


def test_a_stage_is_an_asset_named_by_pipeline_and_stage_with_its_columns(tmp_path: Path) -> None:
    repository = load_project(tmp_path, make_lake(tmp_path)).get_repository_def()
    node = repository.asset_graph.get(dg.AssetKey(["lake", "customers"]))
    assert (node.group_name, node.kinds) == ("lake", {"deltalake", "table"})
    columns = node.metadata["dagster/column_schema"].columns
    assert [(c.name, c.type, c.constraints.nullable) for c in columns] == [
        ("customer_id", "int64", True),
        ("email", "string", False),
    ]


def test_two_pipelines_with_stages_of_one_name_live_beside_each_other(tmp_path: Path) -> None:
    text = make_lake(tmp_path)
    both = load_project(tmp_path, f"{text}---\n{text.replace('name: lake', 'name: pond')}")
    keys = both.get_repository_def().asset_graph.get_all_asset_keys()
    assert {tuple(k.path) for k in keys} == {(p, s) for p in ("lake", "pond") for s in ("customers", "orders")}
