"""What dbt is told of the warehouse, and what its files say of a run, without dbt and without a warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.sales.flow.transforming.commands import environment
from pipeline_checks.pipelines.sales.flow.transforming.loads import Loads
from pipeline_checks.pipelines.sales.flow.transforming.recorded import run_of
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run

MANIFEST = {
    "nodes": {
        "model.sales.a": {"name": "a", "resource_type": "model", "config": {"materialized": "table"}},
        "model.sales.b": {"name": "b", "resource_type": "model", "config": {"materialized": "view"}},
        "model.sales.c": {"name": "c", "resource_type": "model", "config": {"materialized": "ephemeral"}},
        "test.sales.unique_a.1": {
            "name": "unique_a",
            "resource_type": "test",
            "attached_node": "model.sales.a",
            "config": {"severity": "ERROR"},
        },
        "test.sales.whole": {
            "name": "whole",
            "resource_type": "test",
            "config": {"severity": "error", "meta": {"dagster": {"ref": {"name": "b"}}}},
        },
    }
}


def command(**statuses: str) -> dict[str, Any]:
    results = [{"unique_id": name.replace("__", "."), "status": s, "failures": 1} for name, s in statuses.items()]
    return {"args": {"which": "run"}, "elapsed_time": 1.5, "results": results}


def run(*artifacts: dict[str, Any]) -> Run:
    return run_of(Loads(7, {}), artifacts, MANIFEST, datetime(2026, 11, 21, tzinfo=UTC), 3.0)


BUILT = command(model__sales__a="success", model__sales__b="success")


def test_a_url_becomes_the_variables_of_the_profile_and_its_password_a_secret_one() -> None:
    assert environment("postgresql://me:s%40fe@db.example:5433/shop") == {
        "SALES_DBT_HOST": "db.example",
        "SALES_DBT_PORT": "5433",
        "SALES_DBT_USER": "me",
        "SALES_DBT_DATABASE": "shop",
        "DBT_ENV_SECRET_SALES_PASSWORD": "s@fe",
    }
    assert "DBT_ENV_SECRET_SALES_PASSWORD" not in environment("postgresql://postgres@127.0.0.1/sales")


@pytest.mark.parametrize("url", ["mysql://me:secret@db/shop", "postgresql://me:secret@db", "secret"])
def test_what_is_no_url_of_a_database_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        environment(url)
    assert "secret" not in str(refused.value)


def test_a_run_is_built_when_every_model_that_is_a_relation_was() -> None:
    done = run(BUILT, command(test__sales__unique_a__1="pass", test__sales__whole="pass"))
    assert (done.built, done.success, done.error, done.models, done.failed_tests) == (True, True, None, 2, 0)
    assert [(t.name, t.model) for t in done.tests] == [("unique_a", "a"), ("whole", "b")]
    assert done.loads.load_id == 7
    assert [c["success"] for c in done.commands] == [True, True]


def test_a_model_that_was_not_run_is_missing() -> None:
    done = run(command(model__sales__a="success"))
    assert (done.built, done.success, done.error) == (False, False, "not built: b")


def test_nothing_at_all_is_no_run() -> None:
    assert (run().built, run().success) == (False, False)


@pytest.mark.parametrize(("status", "failed"), [("fail", 1), ("error", 0), ("skipped", 0)])
def test_a_test_that_did_not_pass_is_no_success_and_leaves_the_models_built(status: str, failed: int) -> None:
    done = run(BUILT, command(test__sales__unique_a__1=status, test__sales__whole="pass"))
    assert (done.built, done.success, done.failed_tests) == (True, False, failed)
    assert (done.error is None) == (status == "fail")
    assert done.commands[1]["returncode"] == 1


def test_a_warning_is_a_success() -> None:
    assert run(BUILT, command(test__sales__unique_a__1="warn")).success
