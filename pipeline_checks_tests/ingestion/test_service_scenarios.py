"""What the service promises of loading files, told by its API; the table is read through Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks_tests.ingestion.api import Api, Place
from pipeline_checks_tests.ingestion.tables import LakeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BASE = {"id", "timestamp", "user_id", "event_type", "value"}
EVOLVED = BASE | {"region", "metadata"}


def counts(run: dict[str, Any]) -> tuple[str, int, int, int]:
    metrics = run["metrics"]
    return run["status"], metrics["files_processed"], metrics["records_ingested"], metrics["error_count"]


def impact_of(answer: dict[str, Any]) -> tuple[int, int, int, float, float]:
    impact = answer["impact"]
    return (
        impact["files_to_process"],
        impact["files_skipped"],
        impact["estimated_duration_minutes"],
        impact["estimated_data_size_gb"],
        impact["estimated_cost_usd"],
    )


def test_three_files_are_loaded_once_each(api: Api, place: Place, spark: SparkSession) -> None:
    assert api.of("GET")["status"] == "draft"
    place.put_batches(0, 1, 2)
    run = api.run()
    assert counts(run) == ("success", 3, 3000, 0)
    assert run["errors"] is None
    table = LakeTable(spark, place)
    assert table.columns() == BASE
    assert table.row("count(*)", "count(DISTINCT id)", "sum(id)", "sum(value)") == (3000, 3000, 4_498_500, 47_234_250.0)
    assert [r["id"] for r in api.of("GET", "/runs")] == [run["id"]]
    files = api.files()
    assert [(f["status"], f["records_ingested"]) for f in files] == [("SUCCESS", 1000)] * 3
    assert run["metrics"]["bytes_read"] == sum(f["file_size_bytes"] for f in files)
    assert run["metrics"]["bytes_written"] == sum(f["bytes_written"] for f in files) > 0
    assert len({f["snapshot_id"] for f in files}) == 3
    assert len({f["table_uuid"] for f in files}) == 1
    ingestion = api.of("GET")
    assert ingestion["status"] == "draft"
    assert ingestion["metadata"]["last_run_id"] == run["id"]
    assert ingestion["metadata"]["last_run_time"] == run["ended_at"]
    assert ingestion["metadata"]["schema_version"] == 1
    assert ingestion["metadata"]["estimated_monthly_cost"] == 0.0  # no schedule, and less than a cent to store
    assert api.of("GET", "/schema-versions") == []


def test_the_next_run_loads_what_is_new_and_a_third_nothing(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, 1, 2)
    assert counts(api.run()) == ("success", 3, 3000, 0)
    place.put_batches(3, 4)
    second = api.run()
    assert counts(second) == ("success", 2, 2000, 0)
    assert (second["metrics"]["files_discovered"], second["metrics"]["files_skipped"]) == (5, 3)
    table = LakeTable(spark, place)
    assert table.row("count(*)", "count(DISTINCT id)", "sum(id)") == (5000, 5000, 12_497_500)
    assert len(api.of("GET", "/runs")) == 2
    before = table.snapshots()
    third = api.run()
    assert counts(third) == ("success", 0, 0, 0)
    assert third["metrics"]["files_skipped"] == 5
    assert table.snapshots() == before


def test_new_columns_come_into_the_table_and_older_rows_have_none(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, 1, 2)
    assert counts(api.run()) == ("success", 3, 3000, 0)
    table = LakeTable(spark, place)
    assert table.columns() == BASE
    place.put_batches(3, 4, evolved=True)
    assert counts(api.run()) == ("success", 2, 2000, 0)
    assert table.columns() == EVOLVED
    unset = ("count(*)", "count(region)", "count(metadata)")
    assert table.row(*unset, where="id < 3000") == (3000, 0, 0)
    assert table.row(*unset, where="id >= 3000") == (2000, 2000, 2000)
    assert api.of("GET")["metadata"]["schema_version"] == 2
    (version,) = api.of("GET", "/schema-versions")
    assert version["version"] == 2
    assert {c["column_name"] for c in version["changes"]} == {"region", "metadata"}
    assert version["affected_files"] == [f"{place.path}batch_3.json", f"{place.path}batch_4.json"]
    assert {c["name"] for c in version["schema"] if c["is_new"]} == {"region", "metadata"}
    assert version["resolution_type"] == "auto_merge"


def test_a_full_refresh_loads_everything_anew(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, 1, 2)
    api.run()
    answer = api.of("POST", "/refresh/full", 202, {"confirm": True})
    assert (answer["status"], answer["mode"]) == ("accepted", "full")
    assert answer["message"] == "Full refresh completed successfully"
    operations = answer["operations"]
    assert [(o["operation"], o["status"]) for o in operations] == [
        ("table_dropped", "success"),
        ("processed_files_cleared", "success"),
        ("run_triggered", "success"),
    ]
    assert operations[0]["details"]["existed"] is True
    assert operations[0]["details"]["orphans"] == []
    assert operations[1]["details"] == {"files_cleared": 3}
    assert impact_of(answer) == (3, 0, 6, 0.0, 0.0)
    assert operations[2]["details"]["run_url"].endswith(f"/{api.id}/runs/{answer['run_id']}")
    run = api.ended(answer["run_id"])
    assert api.http.get(operations[2]["details"]["run_url"].removeprefix("/api/v1")).json() == run
    assert counts(run) == ("success", 3, 3000, 0)
    assert LakeTable(spark, place).row("count(*)", "min(id)", "max(id)") == (3000, 0, 2999)
    assert [f["run_id"] for f in api.files()] == [run["id"]] * 3


def test_a_new_only_refresh_loads_what_was_not_loaded(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, 1, 2)
    api.run()
    place.put_batches(3, 4)
    answer = api.of("POST", "/refresh/new-only", 202, {"confirm": True})
    assert (answer["status"], answer["mode"]) == ("accepted", "new_only")
    assert [o["operation"] for o in answer["operations"]] == ["table_dropped", "run_triggered"]
    assert impact_of(answer) == (2, 3, 5, 0.0, 0.0)
    assert counts(api.ended(answer["run_id"])) == ("success", 2, 2000, 0)
    assert LakeTable(spark, place).row("count(*)", "min(id)", "max(id)") == (2000, 3000, 4999)
    files = api.files()
    assert len(files) == 5
    assert len({f["table_uuid"] for f in files}) == 2


def test_a_dry_run_changes_nothing(api: Api, place: Place, spark: SparkSession) -> None:
    place.put_batches(0, 1, 2)
    api.run()
    table = LakeTable(spark, place)
    before = (table.snapshots(), api.files(), api.of("GET", "/runs"))
    answer = api.of("POST", "/refresh/full", 202, {"dry_run": True})
    assert (answer["status"], answer["run_id"], answer["operations"]) == ("dry_run", None, [])
    assert [p["operation"] for p in answer["would_perform"]] == [
        "table_dropped",
        "processed_files_cleared",
        "run_triggered",
    ]
    assert impact_of(answer)[:2] == (3, 0)
    assert api.id in answer["next_steps"]["to_proceed"]
    assert (table.snapshots(), api.files(), api.of("GET", "/runs")) == before
