"""Runs: one at a time, what failed is told and tried again, what died is taken up."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import Source
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import ProcessedFile, RunFile
from pipeline_checks.pipelines.ingestion.flow.payload import batch
from pipeline_checks.pipelines.ingestion.flow.running import records
from pipeline_checks.pipelines.ingestion.flow.running.discovery import Task
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Api, Place
from pipeline_checks_tests.ingestion.service import metadata, run_of_nobody
from pipeline_checks_tests.ingestion.tables import LakeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NO_RUN = "00000000-0000-4000-8000-000000000000"


def test_of_ten_runs_at_once_one_is_accepted_and_the_others_are_told_of_it(
    api: Api, place: Place, spark: SparkSession
) -> None:
    place.put_batches(0, 1, 2)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: api.http.post(f"/ingestions/{api.id}/run"), range(10)))
    (accepted,) = [a.json() for a in answers if a.status_code == 202]
    refused = [a.json() for a in answers if a.status_code == 409]
    assert len(refused) == 9
    assert {(r["error_code"], r["current_run_id"]) for r in refused} == {("RUN_IN_PROGRESS", accepted["run_id"])}
    assert api.ended(accepted["run_id"])["status"] == "success"
    assert LakeTable(spark, place).row("count(*)", "count(DISTINCT id)") == (3000, 3000)


def test_a_file_that_cannot_be_read_fails_alone_and_is_tried_again_when_asked(
    make_api: Callable[..., Api], place: Place
) -> None:
    api, other = make_api(place.declaration()), make_api(place.declaration())
    good = batch(1, 10)
    place.put_batches(0, 2, count=10)
    place.put("batch_1.json", good + b"\n{oops")
    run = api.run()
    assert (run["status"], run["metrics"]["files_succeeded"], run["metrics"]["files_failed"]) == ("partial", 2, 1)
    assert run["metrics"]["records_ingested"] == 20
    (error,) = run["errors"]
    assert set(error) == {"file", "error_type", "message", "timestamp"}
    assert (error["file"], error["error_type"]) == (f"{place.path}batch_1.json", "MALFORMED_RECORD")
    assert "line 11" in error["message"]
    assert run["metrics"]["error_count"] == 1
    other.of("POST", f"/runs/{run['id']}/retry", 404)
    other.of("GET", f"/runs/{run['id']}", 404)

    asked = api.of("POST", f"/runs/{run['id']}/retry", 202)
    assert (asked["status"], asked["original_run_id"]) == ("retry_scheduled", run["id"])
    again = api.ended(asked["run_id"])
    assert (again["status"], again["trigger"], again["retry_of"]) == ("failed", "retry", run["id"])
    assert (again["metrics"]["files_processed"], again["metrics"]["files_skipped"]) == (1, 2)
    (failed,) = api.files(status="FAILED")
    assert (failed["retry_count"], failed["run_id"]) == (1, again["id"])
    # What the first run told stays as it was, though the file has moved on to the other.
    assert api.of("GET", f"/runs/{run['id']}") == run

    place.put("batch_1.json", good)
    corrected = api.run()
    assert (corrected["status"], corrected["metrics"]["records_ingested"]) == ("success", 10)
    conflict = api.of("POST", f"/runs/{corrected['id']}/retry", 409)
    assert conflict["error_code"] == "RUN_NOT_RETRYABLE"
    api.of("POST", f"/runs/{NO_RUN}/retry", 404)


def test_a_file_that_failed_is_tried_three_times_by_itself(api: Api, place: Place) -> None:
    place.put("bad.json", b"{oops")
    tried = [api.run()["metrics"]["files_processed"] for _ in range(5)]
    assert tried == [1, 1, 1, 1, 0]
    (file,) = api.files()
    assert (file["status"], file["retry_count"]) == ("FAILED", 3)


def test_a_changed_file_is_reported_and_not_loaded(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, count=10)
    api.run()
    place.put("batch_0.json", batch(1, 10))
    run = api.run()
    assert (run["status"], [e["error_type"] for e in run["errors"]]) == ("partial", ["FILE_CHANGED"])
    assert api.run()["status"] == "success"
    assert {f["status"] for f in api.files()} == {"SUCCESS", "FAILED"}
    assert LakeTable(spark, place).row("count(*)", "max(id)") == (10, 9)


def test_a_changed_file_replaces_its_rows_where_that_is_wished(
    make_api: Callable[..., Api], place: Place, spark: SparkSession
) -> None:
    api = make_api(place.declaration(source={"on_change": "replace"}))
    place.put_batches(0, 1, count=10)
    api.run()
    place.put("batch_0.json", batch(5, 10))
    run = api.run()
    assert (run["status"], run["metrics"]["records_ingested"]) == ("success", 10)
    assert LakeTable(spark, place).row("count(*)", "min(id)", "max(id)") == (20, 10, 59)
    old, new = sorted(api.files(path_prefix=f"{place.path}batch_0"), key=lambda f: f["processed_at"])
    assert (old["replaced_by"], new["replaced_by"]) == (new["id"], None)


def test_an_ingestion_that_is_paused_does_not_run(api: Api) -> None:
    assert api.of("POST", "/pause")["status"] == "paused"
    assert api.of("POST", "/run", 409)["error_code"] == "INGESTION_NOT_ACTIVE"
    assert api.of("POST", "/resume")["status"] == "active"
    assert api.run()["status"] == "success"
    assert api.of("GET")["status"] == "active"


def test_an_active_ingestion_that_keeps_failing_stops_until_it_is_resumed(
    make_api: Callable[..., Api], place: Place
) -> None:
    keys = {"aws_access_key_id": "wrong", "aws_secret_access_key": "very-wrong"}
    api = make_api(place.declaration(source={"credentials": keys}))
    assert "very-wrong" not in api.http.get(f"/ingestions/{api.id}").text
    assert api.of("GET")["source"]["has_credentials"] is True
    api.of("PUT", "", 200, {"status": "active"})
    for _ in range(3):
        run = api.run()
        assert (run["status"], run["errors"][0]["error_type"], run["errors"][0]["file"]) == (
            "failed",
            "SOURCE_UNAVAILABLE",
            "",
        )
        assert "wrong" not in run["errors"][0]["message"]
    assert api.of("GET")["status"] == "error"
    assert api.of("POST", "/run", 409)["error_code"] == "INGESTION_NOT_ACTIVE"
    assert api.of("POST", "/pause", 409)["error_code"] == "INVALID_STATE"
    assert api.of("POST", "/resume")["status"] == "active"


def test_a_run_whose_worker_died_fails_and_the_next_takes_its_files(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession
) -> None:
    place.put_batches(0, 1, count=10)
    with metadata(ingestion_stack.settings) as database:
        run_id = run_of_nobody(database, api.id, lease_seconds=LEASE)
        begin_first_file(database, api, place, run_id)
        assert api.of("POST", "/run", 409)["error_code"] == "RUN_IN_PROGRESS"
        assert api.of("DELETE", "", 409)["current_run_id"] == run_id
        assert api.of("DELETE", "/processed-files", 409)["error_code"] == "RUN_IN_PROGRESS"
        assert [f["status"] for f in api.files()] == ["PROCESSING"]
    dead = api.ended(run_id, seconds=20)
    assert dead["status"] == "failed"
    assert {e["error_type"] for e in dead["errors"]} == {"LEASE_EXPIRED"}
    assert {e["file"] for e in dead["errors"]} == {"", f"{place.path}batch_0.json"}
    assert [(f["status"], f["error_type"]) for f in api.files()] == [("FAILED", "LEASE_EXPIRED")]
    again = api.ended(api.of("POST", f"/runs/{run_id}/retry", 202)["run_id"])
    assert (again["status"], again["metrics"]["records_ingested"]) == ("success", 20)
    assert LakeTable(spark, place).row("count(*)", "count(DISTINCT id)") == (20, 20)


LEASE = 3.0


def begin_first_file(database: Any, api: Api, place: Place, run_id: str) -> None:
    first = list_files(Source(place.path, place.store))[0]
    with database.session() as session:
        ((file_id, task),) = records.discovered(session, api.id, run_id, [Task(first)])
        records.processing(session, run_id, file_id, task)


def test_a_run_that_is_given_back_is_carried_on_and_not_begun_anew(
    api: Api, place: Place, ingestion_stack: RunningStack
) -> None:
    place.put_batches(0, 1, count=10)
    with metadata(ingestion_stack.settings) as database:
        run_id = run_of_nobody(database, api.id)
        with database.session() as session:
            session.execute(sa.text("UPDATE runs SET worker_id = NULL WHERE id = :id"), {"id": run_id})
        run = api.ended(run_id)
        assert (run["status"], run["metrics"]["files_processed"]) == ("success", 2)
        with database.session() as session:
            rows = session.execute(
                sa.select(sa.func.count(), sa.func.sum(RunFile.records_ingested)).where(RunFile.run_id == run_id)
            ).one()
            files = session.scalar(sa.select(sa.func.count()).where(ProcessedFile.run_id == run_id))
    assert (rows[0], int(rows[1]), files) == (2, 20, 2)
    assert Deadline(5).wait_until(lambda: api.of("GET")["metadata"]["last_run_id"] == run_id)
