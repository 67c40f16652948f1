"""Health: every part answers its protocol and does its work; that a port is open or a folder exists is not enough."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.cdc.commands import check, run_command, verdicts
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.settling import CONNECTOR
from pipeline_checks_tests.cdc.truth import TABLES
from pipeline_checks_tests.conftest import MANAGED, RunningStack
from pipeline_checks_tests.stack.lake_truth import iceberg_catalog

pytestmark = pytest.mark.e2e

SERVICES = {"postgres", "kafka", "connect", "cdc_mover", "cdc_api"}


def status() -> tuple[int, dict[str, str]]:
    """Return exit code and the states of the services, as the command tells them."""
    command = run_command("status", *(() if MANAGED else ("--provider", "external")), "--json", "-")
    return command.code, {s["name"]: s["state"] for s in json.loads(command.output)["services"]}


def connector() -> dict[str, Any]:
    """Return what Connect says of the connector."""
    answer = httpx.get(f"{setting('CONNECT_URL')}/connectors/{CONNECTOR}/status")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def test_every_service_answers(main_job: MainJob) -> None:
    code, states = status()
    assert code == 0, states
    assert {states.get(name) for name in SERVICES} == {"ready"}


def test_the_source_decodes_its_log_for_the_connector(main_job: MainJob) -> None:
    with psycopg.connect(setting("CDC_POSTGRES_URL")) as source:
        assert source.execute("SHOW wal_level").fetchone() == ("logical",)
        slots = source.execute("SELECT slot_name, active, wal_status FROM pg_replication_slots").fetchall()
    assert [(active, status in ("reserved", "extended")) for _, active, status in slots] == [(True, True)]


def test_the_broker_has_the_topic_of_every_table(main_job: MainJob) -> None:
    found = AdminClient({"bootstrap.servers": setting("KAFKA_BOOTSTRAP_SERVERS")}).list_topics(timeout=10).topics
    assert {f"debezium.public.{table}" for table in TABLES} <= set(found)


def test_the_connector_and_each_of_its_tasks_run(main_job: MainJob) -> None:
    said = connector()
    assert said["connector"]["state"] == "RUNNING"
    assert [task["state"] for task in said["tasks"]] == ["RUNNING"]
    code, document = check("cdc.connector")
    assert code == 0, document["checks"]
    assert all(any(c["looked_at"].values()) for c in document["checks"])


def test_every_table_of_the_lakes_is_one(main_job: MainJob) -> None:
    for name in (*TABLES, *(f"{table}_changes" for table in TABLES)):
        assert DeltaTable(f"{setting('DELTA_TABLE_PATH')}/{name}").version() >= 0
        assert iceberg_catalog().load_table(f"cdc.{name}").current_snapshot() is not None


@contextmanager
def task_stopped() -> Iterator[None]:
    """Stop the connector for the block: Connect itself goes on and answers."""
    address = f"{setting('CONNECT_URL')}/connectors/{CONNECTOR}"
    httpx.put(f"{address}/pause").raise_for_status()
    try:
        assert Deadline(30).wait_until(lambda: connector()["tasks"][0]["state"] == "PAUSED"), connector()
        yield
    finally:
        httpx.put(f"{address}/resume").raise_for_status()
        running = Deadline(60).wait_until(lambda: [t["state"] for t in connector()["tasks"]] == ["RUNNING"])
        assert running, connector()


def test_a_connector_whose_task_does_not_run_is_told_though_connect_answers(main_job: MainJob) -> None:
    with task_stopped():
        _, states = status()
        assert states["connect"] == "ready"
        code, document = check("cdc.connector", "--deadline", "3s")
        assert code in (1, 3), document["checks"]
        assert "PASS" not in set(verdicts(document).values())
        assert any("PAUSED" in c["message"].upper() for c in document["checks"]), document["checks"]
    code, document = check("cdc.connector")
    assert code == 0, document["checks"]


@pytest.mark.own_processes
def test_a_service_whose_port_is_open_and_that_does_not_answer_is_not_ready(
    stack: RunningStack, main_job: MainJob
) -> None:
    pid = stack.state("cdc_api").pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        code, states = status()
        assert code == 3
        assert {name for name, state in states.items() if state != "ready"} == {"cdc_api"}
        assert states["cdc_api"] == "unready"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert Deadline(30).wait_until(lambda: status()[0] == 0), status()
