"""Refreshes: nothing is done before all that they need is there, and what was begun is seen through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.model import Table
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Refresh
from pipeline_checks.pipelines.ingestion.flow.refreshing.beginning import Wish, begun, new_id
from pipeline_checks.pipelines.ingestion.flow.refreshing.impact import impact_of
from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import DATABASE, Api, Place
from pipeline_checks_tests.ingestion.service import metadata, run_of_nobody, served, settings_of
from pipeline_checks_tests.ingestion.tables import LakeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONFIRMED = {"confirm": True}


def refreshes_of(stack: RunningStack, ingestion_id: str) -> list[Any]:
    with metadata(stack.settings) as database, database.session() as session:
        query = sa.select(Refresh).where(Refresh.ingestion_id == ingestion_id).order_by(Refresh.requested_at)
        return list(session.scalars(query))


def test_a_refresh_that_cannot_be_seen_through_is_not_begun(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession
) -> None:
    place.put_batches(0, count=10)
    api.run()
    table = LakeTable(spark, place)
    before = (table.snapshots(), api.files())
    unconfirmed = api.of("POST", "/refresh/full", 422, {})
    assert unconfirmed["detail"][0]["loc"] == ["body", "confirm"]
    api.of("POST", "/pause")
    assert api.of("POST", "/refresh/full", 409, CONFIRMED)["error_code"] == "INGESTION_NOT_ACTIVE"
    api.of("POST", "/resume")
    with metadata(ingestion_stack.settings) as database:
        run_id = run_of_nobody(database, api.id, lease_seconds=3)
        refused = api.of("POST", "/refresh/new-only", 409, CONFIRMED)
        assert (refused["error_code"], refused["current_run_id"]) == ("RUN_IN_PROGRESS", run_id)
        api.ended(run_id, seconds=20)
        with database.session() as session:
            gone = sa.text("UPDATE ingestions SET source_path = 's3://no-such-bucket/x/' WHERE id = :id")
            session.execute(gone, {"id": api.id})
        assert api.of("POST", "/refresh/full", 502, CONFIRMED)["error_code"] == "SOURCE_UNAVAILABLE"
    assert (table.snapshots(), api.files()) == before
    assert refreshes_of(ingestion_stack, api.id) == []


def test_a_paused_ingestion_may_be_refreshed_without_a_run(
    api: Api, place: Place, ingestion_stack: RunningStack, engine: Engine
) -> None:
    place.put_batches(0, count=10)
    api.run()
    api.of("POST", "/pause")
    answer = api.of("POST", "/refresh/full", 202, {"confirm": True, "auto_run": False})
    assert [o["operation"] for o in answer["operations"]] == ["table_dropped", "processed_files_cleared"]
    assert answer["run_id"] is None
    assert engine.table_state(Table(CATALOG, DATABASE, place.name)) is None
    assert api.files() == []
    (audited,) = refreshes_of(ingestion_stack, api.id)
    assert (audited.mode, audited.status, audited.auto_run) == ("full", "completed", False)
    assert audited.impact["estimated_bytes"] == answer["impact"]["estimated_bytes"] > 0
    again = api.of("POST", "/refresh/full", 202, {"confirm": True, "auto_run": False})
    assert again["operations"][0]["details"]["existed"] is False


def test_a_refresh_whose_process_died_is_seen_through_by_a_worker(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession
) -> None:
    place.put_batches(0, 1, count=10)
    api.run()
    with metadata(ingestion_stack.settings) as database:
        refresh_id = new_id()
        wish = Wish(api.id, "full", auto_run=True, user_id="somebody")
        assert begun(database, wish, impact_of("full", [], []), refresh_id)  # and nobody holds its lock

    def finished() -> Any:
        (refresh,) = refreshes_of(ingestion_stack, api.id)
        return refresh if refresh.status != "started" else None

    refresh = Deadline(60).wait_until(finished)
    assert refresh is not None
    assert refresh.status == "completed"
    assert [(o["operation"], o["status"]) for o in refresh.operations] == [
        ("table_dropped", "success"),
        ("processed_files_cleared", "success"),
        ("run_triggered", "success"),
    ]
    run = api.ended(refresh.run_id)
    assert (run["status"], run["metrics"]["records_ingested"]) == ("success", 20)
    assert LakeTable(spark, place).row("count(*)") == (20,)


def test_a_step_that_fails_is_told_with_what_was_done_and_what_to_do(
    place: Place, ingestion_base: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Engine, table: Table) -> None:
        raise EngineError("WRITE_FAILED", "the store is full.")

    with served(settings_of(ingestion_base.settings)) as http:
        path = f"/api/v1/ingestions/{http.post('/api/v1/ingestions', json=place.declaration()).json()['id']}"
        monkeypatch.setattr(Engine, "drop_table", refuse)
        answer = http.post(f"{path}/refresh/full", json=CONFIRMED)
        body = answer.json()
        assert (answer.status_code, body["error_code"], body["status"]) == (500, "PARTIAL_FAILURE", "partial_failure")
        assert [(o["operation"], o["status"], o["error_code"]) for o in body["operations"]] == [
            ("table_dropped", "failed", "TABLE_DROP_FAILED"),
            ("processed_files_cleared", "skipped", None),
            ("run_triggered", "skipped", None),
        ]
        assert "the store is full" in body["error"]
        assert set(body["recovery"]) == {"message", "action", "state"}
        assert http.get(f"{path}/runs").json() == []
        # It is over: nothing stands in the way of a run.
        assert http.post(f"{path}/run").status_code == 202


def test_a_table_goes_with_its_ingestion_when_that_is_asked(
    make_api: Callable[..., Api], place: Place, engine: Engine
) -> None:
    api = make_api(place.declaration())
    place.put_batches(0, count=10)
    api.run()
    table = Table(CATALOG, DATABASE, place.name)
    assert engine.table_state(table) is not None
    answer = api.http.delete(f"/ingestions/{api.id}", params={"delete_table": True})
    assert answer.status_code == 204
    assert engine.table_state(table) is None
    api.of("GET", "", 404)
    api.of("GET", "/runs", 404)
