"""The sensor that tells people: of what finished runs found, once, and of what recovered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from deltalake import write_deltalake

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.alert_sensor import alert_sensor
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks_tests.dagster.projects import customers, make_lake
from pipeline_checks_tests.receiver import Receiver, receiving
from pipeline_checks_tests.unit.verification.yaml_pipeline import load


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("OPS_HOOK", f"{found.url}/hook")
        yield found


@pytest.fixture
def lake(tmp_path: Path, receiver: Receiver) -> Pipeline:
    """Two tables without a fault, whose alerts go to the receiver."""
    alerts = "  alerts: {channels: [{kind: console}, {kind: webhook, url: {env: OPS_HOOK}}]}\n"
    text = make_lake(tmp_path).replace("  name: lake\n", f"  name: lake\n{alerts}")
    return load(tmp_path, text)


class Desk:
    """One instance of Dagster with the pipeline's jobs and the sensor, as the daemon would evaluate it."""

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance) -> None:
        self.definitions = build_pipeline_definitions(pipeline)
        self.sensor = alert_sensor([pipeline])
        self.instance = instance
        self.cursor: str | None = None

    def run(self) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("lake_check")
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def tick(self) -> str:
        """Evaluate the sensor and return what it says of itself."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        said = self.sensor.evaluate_tick(context)
        self.cursor = said.cursor
        return said.skip_message or ""


def damage(folder: Path) -> None:
    write_deltalake(str(folder / "customers"), customers("a@b", None, "nonsense"), mode="overwrite")


def mend(folder: Path) -> None:
    write_deltalake(str(folder / "customers"), customers("a@b", "c@d"), mode="overwrite")


def test_what_a_run_finds_is_told_once_and_then_its_recovery(
    lake: Pipeline, tmp_path: Path, receiver: Receiver
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(lake, instance)
        assert desk.tick() == "no news"
        damage(tmp_path)
        desk.run()
        assert desk.tick() == "2 things were told, 0 problems"
        desk.run()
        assert desk.tick() == "no news"
        mend(tmp_path)
        desk.run()
        assert desk.tick() == "2 things were told, 0 problems"
        assert desk.tick() == "no news"
    wrong, right = receiver.of("/hook")
    assert wrong["title"] == "lake: 2 FAIL"
    assert {(i["stage"], i["check"], i["what"]) for i in wrong["items"]} == {
        ("customers", "nulls", "opened"),
        ("customers", "values", "opened"),
    }
    assert wrong["items"][0]["findings"]
    assert right["title"] == "lake: 2 recovered"
    assert {(i["stage"], i["check"], i["what"]) for i in right["items"]} == {
        ("customers", "nulls", "recovered"),
        ("customers", "values", "recovered"),
    }


def test_a_clean_run_tells_nothing(lake: Pipeline, receiver: Receiver) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(lake, instance)
        desk.tick()
        assert desk.run().success
        assert desk.tick() == "no news"
    assert receiver.posted == []


def test_runs_from_before_the_sensor_looked_are_no_news(lake: Pipeline, tmp_path: Path, receiver: Receiver) -> None:
    damage(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(lake, instance)
        desk.run()
        assert desk.tick() == "no news"
        assert desk.tick() == "no news"
    assert receiver.posted == []


def test_a_run_that_failed_before_it_judged_is_told_with_its_reason(lake: Pipeline, receiver: Receiver) -> None:
    def broken() -> None:
        raise RuntimeError("no connection to postgresql://me:tiger@db/x")

    @dg.op
    def breaks() -> None:
        broken()

    @dg.job(name="lake_run")
    def lake_run() -> None:
        breaks()

    @dg.op
    def works() -> None:
        return None

    @dg.job(name="lake_run")
    def mended() -> None:
        works()

    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(lake, instance)
        desk.tick()
        lake_run.execute_in_process(instance=instance, raise_on_error=False)
        desk.tick()
        desk.run()  # another job that succeeds says nothing of this one
        desk.tick()
        mended.execute_in_process(instance=instance)
        desk.tick()
    wrong, right = receiver.of("/hook")
    assert wrong["title"] == "lake: 1 ERROR"
    assert wrong["items"][0]["check"] == "run of lake_run"
    assert "no connection to postgresql://me:***@db/x" in wrong["items"][0]["message"]
    assert right["items"][0]["what"] == "recovered"
    assert "tiger" not in json.dumps(receiver.of("/hook"))


def test_what_a_channel_refused_is_sent_by_a_later_tick_and_the_failing_channel_is_told(
    lake: Pipeline, tmp_path: Path, receiver: Receiver
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(lake, instance)
        desk.tick()
        damage(tmp_path)
        receiver.answers = [(410, {})]
        desk.run()
        assert desk.tick() == "2 things were told, 1 problems"
        assert len(receiver.posted) == 1
        mend(tmp_path)
        desk.run()
        assert desk.tick() == "2 things were told, 0 problems"
    titles = [d["title"] for d in receiver.of("/hook")]
    assert titles == ["lake: 2 FAIL", "lake: 2 FAIL", "lake: 2 recovered", "lake: 1 recovered"]
