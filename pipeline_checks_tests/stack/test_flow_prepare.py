"""Preparing can be repeated, and refuses what would double or lose events."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pipeline_checks.clients.connect import Connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.cdc.flow.connector import configuration
from pipeline_checks.pipelines.cdc.flow.names import CONNECTOR
from pipeline_checks.pipelines.cdc.flow.prepare import prepare, refuse_missing
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.flow_source import source


@pytest.fixture
def connect(stack: RunningStack) -> Iterator[Connect]:
    made = Connect(setting("CONNECT_URL"))
    yield made
    made.close()


def test_preparing_what_is_prepared_changes_nothing(connect: Connect) -> None:
    before = connect.config(CONNECTOR), connect.connectors()
    prepare()
    assert (connect.config(CONNECTOR), connect.connectors()) == before
    status = connect.status(CONNECTOR)
    assert status is not None
    assert [status["connector"]["state"], *(t["state"] for t in status["tasks"])] == ["RUNNING", "RUNNING"]


def test_a_second_connector_with_the_same_prefix_is_refused(connect: Connect) -> None:
    other = {**configuration(setting("CDC_POSTGRES_URL")), "slot.name": "second_slot"}
    body = {"name": "second", "config": other, "initial_state": "STOPPED"}
    httpx.post(f"{setting('CONNECT_URL')}/connectors", json=body).raise_for_status()
    try:
        assert Deadline(30).wait_until(lambda: "second" in connect.connectors())
        with pytest.raises(ConfigurationError, match="'second' has the topic prefix 'debezium'"):
            prepare()
    finally:
        connect.delete("second")
    assert Deadline(30).wait_until(lambda: "second" not in connect.connectors())
    prepare()


def test_an_included_table_that_is_missing_is_refused(stack: RunningStack) -> None:
    with source() as connection:
        refuse_missing(connection, ["public.customers", "public.orders"])
        with pytest.raises(ConfigurationError, match=r"public\.nowhere, which the database does not have"):
            refuse_missing(connection, ["public.customers", "public.nowhere"])


def test_connect_says_what_is_not_there_and_what_it_refuses(connect: Connect) -> None:
    assert connect.status("nobody") is None
    assert connect.config("nobody") is None
    assert connect.offsets("nobody") == []
    connect.delete("nobody")
    with pytest.raises(TerminalError, match="refused"):
        connect.put("bad", {"connector.class": "NoSuchClass"})
    with pytest.raises(TerminalError):
        connect.pause("nobody")


def test_a_connector_is_paused_resumed_and_started_again(connect: Connect) -> None:
    def reached(*states: str) -> bool:
        status = connect.status(CONNECTOR) or {}
        return (status["connector"]["state"], *(t["state"] for t in status["tasks"])) == states

    connect.pause(CONNECTOR)
    assert Deadline(30).wait_until(lambda: reached("PAUSED", "PAUSED"))
    connect.resume(CONNECTOR)
    assert Deadline(30).wait_until(lambda: reached("RUNNING", "RUNNING"))
    connect.restart(CONNECTOR)
    assert Deadline(30).wait_until(lambda: reached("RUNNING", "RUNNING"))
    assert connect.offsets(CONNECTOR)[0]["offset"]["lsn"] > 0
