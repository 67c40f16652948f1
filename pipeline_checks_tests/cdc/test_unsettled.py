"""A stage that has not reached the cut is not a pass."""

from __future__ import annotations

import psycopg
import pytest

from pipeline_checks.clients.settings import setting
from pipeline_checks_tests.cdc.commands import check, verdicts
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.mover import stopped
from pipeline_checks_tests.conftest import RunningStack

pytestmark = pytest.mark.own_processes

BEHIND = ("delta_customers", "delta_customers_changes", "iceberg_customers", "iceberg_customers_changes")


def test_with_the_mover_stopped_the_stages_behind_it_are_unsettled_and_catch_up_later(
    stack: RunningStack, main_job: MainJob
) -> None:
    with stopped(stack):
        with psycopg.connect(setting("CDC_POSTGRES_URL")) as source:
            source.cursor().executemany(
                "INSERT INTO customers (first_name, last_name, email) VALUES ('Un', 'Settled', %s)",
                [(f"unsettled{n}@example.com",) for n in range(10)],
            )
        code, document = check("cdc", "--deadline", "5s")
        said = verdicts(document)
        assert code == 3, document["verdict"]
        for stage in BEHIND:
            of_stage = {check: verdict for (name, check), verdict in said.items() if name == stage}
            assert set(of_stage.values()) == {"UNSETTLED"}, (stage, of_stage)
        assert said["api_customers", "counts"] != "PASS"
        assert said["pg_customers", "counts"] == "PASS"
        assert said["topic_customers", "counts"] == "PASS"
        covers = {s["name"]: s["covers_cut"] for s in document["stages"]}
        assert covers["topic_customers"] is True
        assert covers["iceberg_customers"] is False
    code, document = check("cdc", "--only", "counts,duplicates,schema,nulls")
    assert code == 0, document["verdict"]
