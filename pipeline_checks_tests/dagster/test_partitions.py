"""Partitions of a stage: judged one by one, in a backfill, and again when late data has come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.orchestration.partitions import partitions_key, partitions_sensor
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks_tests.dagster.processes import fast_folder

KEY = partitions_key("shop", "orders")
FIRST, SECOND, THIRD = "2026-11-01", "2026-11-02", "2026-11-03"


def rows(*orders: tuple[int, str, str | None]) -> pa.Table:
    """Rows by id, day and country; each at the last second of its day."""
    ids, days, countries = zip(*orders, strict=True)
    at = [datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=UTC) for day in days]
    columns = {
        "order_id": pa.array(ids, pa.int64()),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "country": pa.array(countries, pa.string()),
    }
    return pa.table(columns)


def shop(folder: Path, partitions: dict[str, Any]) -> Pipeline:
    columns = {"order_id": "int64", "at": "timestamptz", "country": {"type": "string", "nullable": False}}
    stage = {
        "name": "orders",
        "kind": "delta_table",
        "path": str(folder / "orders"),
        "partitions": partitions,
        "contract": {"key": ["order_id"], "event_time": "at", "columns": columns},
    }
    return build_pipeline({"name": "shop", "stages": [stage]})


def judged(pipeline: Pipeline, instance: dg.DagsterInstance, *partitions: str) -> dict[tuple[str, str], str]:
    """Materialize partitions as a backfill does, and return the verdict of each check by partition and kind."""
    definitions = dg.Definitions.merge(build_pipeline_definitions(pipeline))
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection={KEY})
    found = {}
    for partition in partitions:
        result = job.execute_in_process(instance=instance, partition_key=partition)
        for e in result.get_asset_check_evaluations():
            assert e.partition == partition, "the UI shows it at its partition"
            found[partition, e.check_name] = str(e.metadata["verdict"].value)
    return found


def test_each_day_is_judged_by_itself_and_is_seen_by_itself(tmp_path: Path) -> None:
    table = rows((1, FIRST, "DE"), (2, FIRST, "FR"), (3, SECOND, None), (4, THIRD, "DE"), (4, THIRD, "DE"))
    write_deltalake(str(tmp_path / "orders"), table)
    pipeline = shop(tmp_path, {"column": "at", "start": FIRST})
    with fast_folder() as folder, dg.instance_for_test(temp_dir=str(folder)) as instance:
        found = judged(pipeline, instance, FIRST, SECOND, THIRD)
        assert found == {
            **{(FIRST, kind): "PASS" for kind in ("duplicates", "nulls")},
            (SECOND, "duplicates"): "PASS",
            (SECOND, "nulls"): "FAIL",
            (THIRD, "duplicates"): "FAIL",
            (THIRD, "nulls"): "PASS",
        }
        assert instance.get_materialized_partitions(KEY) == {FIRST, SECOND, THIRD}
        event = instance.get_latest_materialization_event(KEY)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["rows"].value == 2


def test_partitions_are_values_too_and_one_without_rows_is_no_pass(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "orders"), rows((1, FIRST, "DE"), (1, FIRST, "FR"), (2, SECOND, "FR")))
    pipeline = shop(tmp_path, {"column": "country", "values": ["DE", "FR", "IT"]})
    with dg.DagsterInstance.ephemeral() as instance:
        found = judged(pipeline, instance, "DE", "FR", "IT")
    assert {v for (partition, _), v in found.items() if partition != "IT"} == {"PASS"}
    assert found["IT", "duplicates"] == "UNSETTLED"


def ticked(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None) -> tuple[set[str], str]:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    assert all(r.asset_selection == [KEY] for r in result.run_requests or ())
    return {str(r.partition_key) for r in result.run_requests or ()}, str(result.cursor)


def test_late_data_opens_its_partition_again_and_no_other(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "orders"), rows((1, FIRST, "DE"), (2, SECOND, "FR"), (3, SECOND, "FR")))
    sensor = partitions_sensor(shop(tmp_path, {"column": "at", "start": FIRST}))
    assert sensor is not None
    with dg.DagsterInstance.ephemeral() as instance:
        asked, cursor = ticked(sensor, instance, None)
        assert asked == {FIRST, SECOND}
        assert ticked(sensor, instance, cursor) == (set(), cursor)
        write_deltalake(str(tmp_path / "orders"), rows((4, FIRST, "DE"), (5, THIRD, "DE")), mode="append")
        asked, cursor = ticked(sensor, instance, cursor)
        assert asked == {FIRST, THIRD}
        write_deltalake(
            str(tmp_path / "orders"), rows((1, FIRST, "DE"), (4, FIRST, "DE"), (5, THIRD, "DE")), mode="overwrite"
        )
        asked, cursor = ticked(sensor, instance, cursor)
        assert asked == {SECOND}, "a day whose rows are gone"
        assert json.loads(cursor)["orders"]["rows"] == {FIRST: 2, SECOND: 0, THIRD: 1}


@pytest.mark.parametrize(
    ("partitions", "said"),
    [
        ({"column": "at"}, "either a start, and are days, or values"),
        ({"column": "at", "start": FIRST, "values": ["a"]}, "either a start, and are days, or values"),
        ({"column": "country", "values": ["a", "a"]}, "values that differ"),
        ({"column": "county", "values": ["a"]}, "'county' is not a column of the contract"),
    ],
)
def test_partitions_that_cannot_work_are_refused(tmp_path: Path, partitions: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        shop(tmp_path, partitions)
