"""A warehouse in one snapshot: tables as their loads say, models as dbt has built them, neither believed too early."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.services.postgres import postgres
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.run import Options, run_checks
from pipeline_checks_tests.conftest import RunningStack

COLUMNS = {"id": "int64", "amount": "decimal(10,2)"}
_TABLES = """
CREATE SCHEMA {s};
CREATE TABLE {s}.orders (id bigint PRIMARY KEY, amount numeric(10,2));
CREATE TABLE {s}.loads (load_id bigserial PRIMARY KEY, table_name text, delta_version bigint, loaded_rows bigint,
    loaded_at timestamptz DEFAULT now());
CREATE TABLE {s}.runs (run_id text, finished_at timestamptz DEFAULT now(), built boolean, error text, loads jsonb);
CREATE TABLE {s}.results (run_id text, test text, model text, severity text, status text, failures bigint,
    message text);
CREATE TABLE {s}.totals (id bigint, amount numeric(10,2));
"""


@dataclass
class Shop:
    """A lake's table, the table of a warehouse that is loaded from it, and a model."""

    url: str
    schema: str
    lake: Path

    def run(self, statement: str, *values: Any) -> None:
        with connect(self.url) as connection:
            connection.execute(statement.format(s=self.schema), values)

    def write(self, *rows: tuple[int, str]) -> None:
        table = pa.table(
            {"id": [i for i, _ in rows], "amount": [Decimal(a) for _, a in rows]},
            pa.schema([("id", pa.int64()), ("amount", pa.decimal128(10, 2))]),
        )
        write_deltalake(str(self.lake), table, mode="append")

    def load(self, version: int, *rows: tuple[int, str]) -> None:
        for number, amount in rows:
            self.run("INSERT INTO {s}.orders VALUES (%s, %s)", number, amount)
        self.run(
            "INSERT INTO {s}.loads (table_name, delta_version, loaded_rows) VALUES ('orders', %s, %s)",
            version, len(rows),
        )  # fmt: skip

    def build(self, load: int, status: str = "pass", *, built: bool = True) -> None:
        run, loads = uuid.uuid4().hex, json.dumps({"orders": {"load_id": load}})
        self.run("DELETE FROM {s}.totals")
        self.run("INSERT INTO {s}.totals SELECT * FROM {s}.orders")
        self.run(
            "INSERT INTO {s}.runs (run_id, built, error, loads) VALUES (%s, %s, %s, %s)",
            run, built, None if built else "no space", loads,
        )  # fmt: skip
        self.run("INSERT INTO {s}.results VALUES (%s, 'unique', 'totals', 'error', %s, 0, '')", run, status)

    def pipeline(self) -> Pipeline:
        contract = {"key": ["id"], "columns": COLUMNS}
        totals = {"by": {"all": "1"}, "sum": ["amount"], "key": ["id"]}
        here = {"connection": {"url": {"env": "SHOP_WAREHOUSE"}}, "lag_limit": "60s"}
        fates = {"of": [{"stage": "orders", "key": ["id"]}], "key": ["id"]}
        return build_pipeline(
            {
                "name": "shop",
                "stages": [
                    {"name": "lake", "kind": "delta_table", "path": str(self.lake), "contract": contract},
                    {
                        "name": "orders",
                        "kind": "warehouse_table",
                        "from": "lake",
                        **here,
                        "table": f"{self.schema}.orders",
                        "loads": f"{self.schema}.loads",
                        "contract": {**contract, "totals": totals},
                    },
                    {
                        "name": "totals",
                        "kind": "dbt_model",
                        "from": "orders",
                        **here,
                        "table": f"{self.schema}.totals",
                        "runs": f"{self.schema}.runs",
                        "tests": f"{self.schema}.results",
                        "contract": {**contract, "fates": fates, "totals": {**totals, "against": "orders"}},
                    },
                ],
            }
        )

    def judged(self) -> dict[tuple[str, str], CheckResult]:
        result = run_checks(self.pipeline(), ["orders", "totals"], options=Options(deadline=1))
        return {(c.stage, c.check): c for c in result.checks}


@pytest.fixture(scope="module")
def url(stack_home: Path) -> str:
    """Postgres of the session's stack."""
    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.up([postgres()])
    return running.settings["POSTGRES_URL"]


@pytest.fixture
def shop(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop of the test's own, in which everything has caught up."""
    monkeypatch.setenv("SHOP_WAREHOUSE", url)
    made = Shop(url, f"shop_{uuid.uuid4().hex[:8]}", tmp_path / "lake")
    made.run(_TABLES)
    made.write((1, "5.00"), (2, "7.50"))
    made.load(0, (1, "5.00"), (2, "7.50"))
    made.build(1)
    yield made
    made.run("DROP SCHEMA {s} CASCADE")


def verdicts(checks: dict[tuple[str, str], CheckResult], stage: str) -> set[str]:
    return {str(c.verdict) for (name, _), c in checks.items() if name == stage}


def found(checks: dict[tuple[str, str], CheckResult]) -> set[tuple[str, str, str]]:
    return {(s, check, f.kind) for (s, check), c in checks.items() for f in c.judgement.findings}


def test_what_has_caught_up_and_is_equal_passes(shop: Shop) -> None:
    checks = shop.judged()
    assert verdicts(checks, "orders") == verdicts(checks, "totals") == {"PASS"}
    assert checks["orders", "reconcile"].judgement.looked_at == {"rows": 2}


def test_a_cent_and_a_lost_row_are_found_where_they_went_wrong(shop: Shop) -> None:
    shop.run("UPDATE {s}.orders SET amount = amount + 0.01 WHERE id = 1")
    shop.run("DELETE FROM {s}.totals WHERE id = 2")
    assert found(shop.judged()) == {
        ("orders", "reconcile", "changed"),
        ("totals", "fates", "missing"),
        ("totals", "totals", "changed"),
        ("totals", "totals", "missing"),
    }


def test_a_row_that_was_never_loaded_is_missing(shop: Shop) -> None:
    shop.write((3, "1.00"))
    shop.load(1)
    shop.build(2)
    assert found(shop.judged()) == {("orders", "counts", "missing")}


def test_a_load_that_is_behind_leaves_everything_undecided(shop: Shop) -> None:
    shop.write((3, "1.00"))
    checks = shop.judged()
    assert found(checks) == set()
    assert "PASS" not in verdicts(checks, "orders") | verdicts(checks, "totals")
    assert "version 0 is loaded, its origin stands at 1" in checks["orders", "counts"].judgement.message


def test_a_table_further_than_its_origin_was_seen_is_compared_at_its_own_version(shop: Shop) -> None:
    shop.write((3, "1.00"))
    shop.load(1, (3, "1.00"))
    shop.build(2)
    assert verdicts(shop.judged(), "orders") == {"PASS"}


@pytest.mark.parametrize(("built", "reason"), [(True, "dbt has not run since orders"), (False, "no space")])
def test_models_that_have_not_seen_the_newest_load_are_undecided(shop: Shop, built: bool, reason: str) -> None:
    shop.write((3, "1.00"))
    shop.load(1, (3, "1.00"))
    if not built:
        shop.build(2, built=False)
    checks = shop.judged()
    assert verdicts(checks, "orders") == {"PASS"}
    assert "PASS" not in verdicts(checks, "totals")
    assert reason in checks["totals", "counts"].judgement.message


def test_a_test_of_dbt_that_found_something_is_told_of_the_model(shop: Shop) -> None:
    shop.build(1, status="fail")
    assert found(shop.judged()) == {("totals", "dbt_tests", "unaccepted_value")}


def test_a_table_that_no_load_tells_of_is_undecided(shop: Shop) -> None:
    shop.run("DELETE FROM {s}.loads")
    checks = shop.judged()
    assert "PASS" not in verdicts(checks, "orders")
    assert "no load is told of" in checks["orders", "counts"].judgement.message
