"""The worker and the API are killed: no row is lost, none is there twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Api, Place
from pipeline_checks_tests.ingestion.tables import LakeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FILES, ROWS = 4, 50


def kill(stack: RunningStack, service: str) -> None:
    """Kill a service; it is started anew by what watches over it."""
    pid = stack.state(service).pid
    assert pid is not None
    psutil.Process(pid).kill()
    assert Deadline(60).wait_until(lambda: stack.state(service).pid not in (None, pid))


def killed_at(api: Api, stack: RunningStack, reached: Callable[[], bool]) -> str:
    """Start a run, kill the worker when that is reached, and return the run's id."""
    run_id: str = api.of("POST", "/run", 202)["run_id"]
    assert Deadline(90).wait_until(reached, every=0.005)
    kill(stack, "ingestion_worker")
    return run_id


def loaded(api: Api) -> int:
    return len(api.files(status="SUCCESS"))


def brought_to_its_end(api: Api, run_id: str) -> None:
    """Wait for the run, and run again until nothing is left to do."""
    api.ended(run_id)
    for _ in range(6):
        if api.run()["metrics"]["files_processed"] == 0:
            return
    raise AssertionError(api.files())


def whole(table: LakeTable) -> None:
    rows = FILES * ROWS
    assert table.row("count(*)", "count(DISTINCT id)", "max(id)") == (rows, rows, rows - 1)


@pytest.mark.parametrize("done", [pytest.param(0, marks=pytest.mark.soak), 2])
def test_a_worker_that_is_killed_loses_nothing(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession, done: int
) -> None:
    place.put_batches(*range(FILES), count=ROWS)
    run_id = killed_at(api, ingestion_stack, lambda: loaded(api) >= done and bool(api.files(status="PROCESSING")))
    dead = api.ended(run_id)
    assert (dead["status"], dead["errors"][-1]["error_type"]) == ("failed", "LEASE_EXPIRED")
    assert dead["metrics"]["files_succeeded"] >= done
    brought_to_its_end(api, run_id)
    whole(LakeTable(spark, place))
    assert {f["status"] for f in api.files()} == {"SUCCESS"}


def test_a_worker_that_stood_still_writes_nothing_twice(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession
) -> None:
    place.put_batches(*range(FILES), count=ROWS)
    run_id = api.of("POST", "/run", 202)["run_id"]
    assert Deadline(90).wait_until(lambda: bool(api.files(status="PROCESSING")), every=0.005)
    worker = psutil.Process(ingestion_stack.state("ingestion_worker").pid)
    worker.suspend()
    try:
        # The lease expires; whoever asks for a run finds that, and the other worker would begin at once.
        def accepted() -> str | None:
            answer = api.http.post(f"/ingestions/{api.id}/run")
            return str(answer.json()["run_id"]) if answer.status_code == 202 else None

        following = Deadline(60).wait_until(accepted)
    finally:
        worker.resume()
    assert following is not None
    assert api.of("GET", f"/runs/{run_id}")["errors"][-1]["error_type"] == "LEASE_EXPIRED"
    brought_to_its_end(api, following)
    whole(LakeTable(spark, place))


def test_an_api_that_is_killed_takes_no_run_with_it(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession
) -> None:
    place.put_batches(*range(FILES), count=ROWS)
    run_id = api.of("POST", "/run", 202)["run_id"]
    kill(ingestion_stack, "ingestion_api")
    assert Deadline(60).wait_until(lambda: answers(api))
    assert api.ended(run_id)["status"] == "success"
    whole(LakeTable(spark, place))


def answers(api: Api) -> bool:
    import httpx

    try:
        return api.http.get(f"/ingestions/{api.id}").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_a_worker_that_is_killed_at_any_moment_loses_nothing(
    api: Api, place: Place, ingestion_stack: RunningStack, spark: SparkSession, seed: int
) -> None:
    place.put_batches(*range(FILES), count=ROWS)
    moment = Deadline(random.Random(seed).uniform(0.05, 4.0))
    run_id = killed_at(api, ingestion_stack, lambda: moment.passed)
    brought_to_its_end(api, run_id)
    whole(LakeTable(spark, place))
