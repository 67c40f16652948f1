"""Whatever is killed under load, each record is in the lakes once."""

from __future__ import annotations

import random
import shutil

import httpx
import pytest

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow.tables import ORDERS
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.flow_load import (
    delta_version,
    filled,
    kill,
    kill_mover,
    load,
    mover_is_ready,
    mover_pid,
    wait_for_commit,
)
from pipeline_checks_tests.stack.lake_truth import assert_lakes, settle


@pytest.fixture(autouse=True)
def rows(stack: RunningStack) -> None:
    """The source is not empty, and the mover moves."""
    filled()
    assert Deadline(120).wait_until(mover_is_ready)


def back(pid: int) -> None:
    """Wait until another mover than ``pid`` moves data."""
    assert Deadline(120).wait_until(lambda: mover_is_ready(other_than=pid)), "the mover did not come back"


def kill_between_commit_and_checkpoint(times: int) -> None:
    """Kill the mover right behind a commit to a log: the batch's other tables and its checkpoint are still open."""
    with load(f"kills{random.randrange(10**9)}") as done:
        for _ in range(times):
            wait_for_commit("customers_changes", delta_version("customers_changes"))
            back(kill_mover())
        assert done[0] > 0
    settle()
    assert_lakes()


def test_a_mover_killed_between_data_and_checkpoint_writes_each_record_once(stack: RunningStack) -> None:
    kill_between_commit_and_checkpoint(2)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_twenty_kills_in_a_row_lose_and_double_nothing(stack: RunningStack) -> None:
    kill_between_commit_and_checkpoint(20)


def test_with_its_checkpoint_deleted_the_mover_begins_again_and_changes_nothing(stack: RunningStack) -> None:
    settle()
    before = delta_version("orders"), delta_version("orders_changes")
    query = httpx.get(f"{setting('CDC_MOVER_URL')}/health").json()["query"]
    pid = kill_mover()
    shutil.rmtree(setting("CHECKPOINT_LOCATION"))
    back(pid)
    with load(f"checkpoint{random.randrange(10**9)}") as done:
        assert Deadline(60).wait_until(lambda: done[0] >= 50)
    settle()
    assert_lakes()
    assert httpx.get(f"{setting('CDC_MOVER_URL')}/health").json()["query"] != query
    assert (delta_version(ORDERS.name), delta_version("orders_changes")) == before


@pytest.mark.parametrize("service", ["postgres", "kafka"])
def test_a_killed_service_is_waited_for_and_nothing_is_lost_or_doubled(stack: RunningStack, service: str) -> None:
    mover = mover_pid()
    with load(f"{service}{random.randrange(10**9)}") as done:
        assert Deadline(60).wait_until(lambda: done[0] >= 20)
        pid = stack.state(service).pid
        assert pid is not None
        kill(pid)
        assert Deadline(60).wait_until(lambda: stack.state(service).ready and stack.state(service).pid != pid)
        reached = done[0]
        assert Deadline(60).wait_until(lambda: done[0] >= reached + 20)
    settle(seconds=150)
    assert_lakes()
    if service == "postgres":
        assert mover_pid() == mover, "the catalog's restart has ended the mover"
