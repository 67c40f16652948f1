"""Sensors over real Delta tables: a tick judges what moved, a run what is large, the clock what stands still."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.watch_sensors import REQUESTED_TAG, WATCH_VARIABLE, watch_sensors
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.run import run_checks
from pipeline_checks.verification.watch.sizes import ROWS_VARIABLE
from pipeline_checks_tests.dagster.projects import customers, make_lake

CUSTOMERS = {"counts", "schema", "duplicates", "freshness", "nulls", "values"}


class Ticks:
    """One sensor, ticked by hand as the daemon would."""

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance) -> None:
        (self._sensor,) = watch_sensors([pipeline])
        self._instance = instance
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        with dg.build_sensor_context(instance=self._instance, cursor=self.cursor) as context:
            result = self._sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def verdicts(self) -> dict[str, str]:
        return verdicts(self.tick())


def verdicts(result: dg.SensorResult) -> dict[str, str]:
    found = [e for e in result.asset_events or () if isinstance(e, dg.AssetCheckEvaluation)]
    return {f"{e.asset_key.path[-1]}.{e.check_name}": str(e.metadata["verdict"].value) for e in found}


def wrong(found: dict[str, str]) -> dict[str, str]:
    """Without counts: these tables have no upstream to be counted against."""
    return {name: v for name, v in found.items() if v != "PASS" and not name.endswith(".counts")}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def declared(text: str) -> Pipeline:
    return build_pipeline(yaml.safe_load(text)["attributes"])


@pytest.fixture
def lake(tmp_path: Path) -> Pipeline:
    return declared(make_lake(tmp_path))


@pytest.fixture
def ticks(lake: Pipeline, instance: dg.DagsterInstance) -> Ticks:
    """A sensor that has looked once, over tables that a run has verified."""
    made = Ticks(lake, instance)
    assert not made.tick().asset_events
    run_checks(lake)
    return made


def test_where_nothing_moves_nothing_is_judged(ticks: Ticks) -> None:
    before = ticks.cursor
    result = ticks.tick()
    assert not result.asset_events
    assert not result.run_requests
    assert "nothing has moved among 2 stages" in str(result.skip_reason)
    assert ticks.cursor == before


def test_a_fault_is_judged_in_the_tick_at_its_position_and_no_other_stage_is(ticks: Ticks, tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "customers"), customers("a@b", None), mode="overwrite")
    result = ticks.tick()
    assert not result.run_requests
    found = verdicts(result)
    assert set(found) == {f"customers.{kind}" for kind in CUSTOMERS}
    assert wrong(found) == {"customers.nulls": "FAIL"}
    (seen,) = [e for e in result.asset_events or () if isinstance(e, dg.AssetObservation)]
    assert (seen.asset_key, seen.tags["dagster/data_version"]) == (
        dg.AssetKey(["lake", "customers"]),
        '{"kind":"version","value":1}',
    )
    assert not ticks.verdicts(), "what was judged once is not judged again"


def test_a_change_without_a_fault_passes(ticks: Ticks, tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "customers"), customers("a@b", "e@f"), mode="overwrite")
    found = ticks.verdicts()
    assert set(found) == {f"customers.{kind}" for kind in CUSTOMERS}
    assert not wrong(found)


def test_what_no_run_has_looked_at_yet_gets_a_run_of_all_checks(
    lake: Pipeline, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ticks = Ticks(lake, instance)
    ticks.tick()
    write_deltalake(str(tmp_path / "customers"), customers("x@y"), mode="append")
    result = ticks.tick()
    (request,) = result.run_requests or ()
    assert not result.asset_events
    assert {k.asset_key.path[-1] for k in request.asset_check_keys or ()} == {"customers", "orders"}


def test_what_is_large_gets_a_run_whose_key_is_its_position(
    ticks: Ticks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROWS_VARIABLE, "1")
    write_deltalake(str(tmp_path / "customers"), customers("a@b", None), mode="overwrite")
    result = ticks.tick()
    assert not result.asset_events
    (request,) = result.run_requests or ()
    assert '"customers":{"kind":"version","value":1,' in str(request.run_key)
    assert {k.name for k in request.asset_check_keys or ()} == CUSTOMERS
    assert request.tags[REQUESTED_TAG] == "lake"
    assert not ticks.tick().run_requests


def test_while_a_run_goes_on_no_other_is_asked_for_and_what_moved_is_not_forgotten(
    ticks: Ticks, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROWS_VARIABLE, "1")
    run = dg.DagsterRun(
        "lake_check", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED, tags={REQUESTED_TAG: "lake"}
    )
    instance.run_storage.add_run(run)
    write_deltalake(str(tmp_path / "customers"), customers("a@b", None), mode="overwrite")
    assert not ticks.tick().run_requests
    instance.report_run_canceled(run)
    assert len(ticks.tick().run_requests or ()) == 1


def test_a_table_that_is_gone_is_an_error_once_and_is_judged_when_it_is_back(ticks: Ticks, tmp_path: Path) -> None:
    shutil.move(tmp_path / "customers", tmp_path / "elsewhere")
    found = ticks.verdicts()
    assert found == {f"customers.{kind}": "ERROR" for kind in CUSTOMERS}
    assert not ticks.verdicts()
    shutil.move(tmp_path / "elsewhere", tmp_path / "customers")
    found = ticks.verdicts()
    assert set(found) == {f"customers.{kind}" for kind in CUSTOMERS}
    assert not wrong(found)


def test_a_pipeline_whose_environment_is_not_set_is_left_alone(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAKE_OF_THE_TEST", raising=False)
    text = make_lake(tmp_path).replace(f"path: {tmp_path}/customers", "path: {env: LAKE_OF_THE_TEST}")
    result = Ticks(declared(text), instance).tick()
    assert "no pipeline's services are up" in str(result.skip_reason)


COPY = """\
attributes:
  name: copied
  stages:
    - &table
      name: original
      kind: delta_table
      path: {folder}/original
      contract: &contract {{key: [order_id], columns: {{order_id: int64, amount: int64}}}}
    - {{name: copy, kind: delta_table, from: original, path: {folder}/copy, contract: *contract, lag_limit: 1s}}
"""


def orders(*amounts: int) -> pa.Table:
    return pa.table({"order_id": pa.array(range(len(amounts)), pa.int64()), "amount": pa.array(amounts, pa.int64())})


def test_a_stage_that_does_not_follow_is_found_by_the_clock(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    for name in ("original", "copy"):
        write_deltalake(str(tmp_path / name), orders(1, 2))
    pipeline = declared(COPY.format(folder=tmp_path))
    ticks = Ticks(pipeline, instance)
    ticks.tick()
    run_checks(pipeline)
    write_deltalake(str(tmp_path / "original"), orders(1, 2, 3), mode="overwrite")
    assert not {name for name in ticks.verdicts() if name.startswith("copy.")}
    found = Deadline(20).wait_until(lambda: ticks.verdicts() or None, every=0.2)
    assert found is not None
    assert {name.partition(".")[0] for name in found} == {"copy"}
    assert {name for name, verdict in found.items() if verdict == "FAIL"} == {"copy.counts"}


def test_a_source_grows_stale_by_the_clock_alone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    seen = datetime.now(UTC) - timedelta(seconds=8)
    table = pa.table({"id": pa.array([1], pa.int64()), "seen": pa.array([seen], pa.timestamp("us", "UTC"))})
    write_deltalake(str(tmp_path / "events"), table)
    contract = {"key": ["id"], "event_time": "seen", "columns": {"id": "int64", "seen": "timestamptz"}}
    stage: dict[str, Any] = {"name": "events", "kind": "delta_table", "path": str(tmp_path / "events")}
    stage["contract"] = {**contract, "freshness": {"within": "12s"}}
    pipeline = declared(yaml.safe_dump({"attributes": {"name": "clocked", "stages": [stage]}}))
    run_checks(pipeline)
    ticks = Ticks(pipeline, instance)
    said = [v for v in (ticks.verdicts(), ticks.verdicts()) if v]
    assert said == [{"events.freshness": "PASS"}]
    found = Deadline(20).wait_until(lambda: wrong(ticks.verdicts()) or None, every=0.2)
    assert found == {"events.freshness": "FAIL"}
    assert not ticks.verdicts(), "it is told once"


def test_sensors_run_by_themselves_unless_they_are_turned_off(lake: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch_sensors([lake])[0].default_status is dg.DefaultSensorStatus.RUNNING
    monkeypatch.setenv(WATCH_VARIABLE, "off")
    assert watch_sensors([lake])[0].default_status is dg.DefaultSensorStatus.STOPPED
