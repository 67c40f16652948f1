"""A connector as a stage, and what Debezium really writes: the committed position, the slot, every kind of event."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.clients.connect import Connect
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model import events
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import DuplicateKeys, Facts, RowCount, StageSchema
from pipeline_checks.model.position import LsnPosition
from pipeline_checks.stages.debezium import DebeziumTopic
from pipeline_checks.stages.debezium import open_stage as open_topic
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks.stages.service import Service, ServiceReader, open_stage
from pipeline_checks_tests.stack.topics import brokers, topic

pytestmark = pytest.mark.stack

NAME = f"stages_{uuid.uuid4().hex[:8]}"
"""Of connector, slot, publication and database: Connect keeps the offsets of a connector that is deleted."""
CONTRACT: dict[str, Any] = {
    "key": ["id"],
    "columns": {
        "id": "int64",
        "name": "string",
        "big": "string",
        "amount": "decimal(10,2)",
        "at": "timestamptz",
        "local": "timestamp",
        "day": "date",
        "tag": "uuid",
        "note": "json",
    },
}
ROW = """
INSERT INTO things VALUES (%s, 'Ä', %s, 1.10, '2026-01-01 00:00:00.000001+00', '2026-01-01 00:00:00.000001',
  '2026-01-01', '00000000-0000-0000-0000-000000000001', '{"a": 1}')
"""
BIG = "x" * 9000


@dataclass(frozen=True)
class Captured:
    """A database with one captured table and the topic of its changes."""

    url: str
    topic: str

    def service(self, **fields: Any) -> ServiceReader:
        declared = {
            "url": setting("CONNECT_URL"),
            "connector": NAME,
            "connection": {"url": self.url},
            "slot": NAME,
            "publication": NAME,
            "config": {"tasks.max": 1},
        }
        return open_stage(Service(name="connector", **{**declared, **fields}))


@pytest.fixture(scope="module")
def captured(base_stack: Any) -> Iterator[Captured]:
    server = setting("POSTGRES_URL")
    url = server.rpartition("/")[0] + f"/{NAME}"
    cluster = Connect(setting("CONNECT_URL"))
    with connect(server) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {NAME}")
    with connect(url) as connection:
        connection.execute(
            "CREATE TABLE things (id bigint PRIMARY KEY, name text, big text, amount numeric(10,2), at timestamptz,"
            " local timestamp, day date, tag uuid, note jsonb)"
        )
        connection.execute("ALTER TABLE things ALTER big SET STORAGE EXTERNAL")
        connection.execute("INSERT INTO things (id, name) VALUES (1, 'before')")
    config = {"message.timestamp.type": "LogAppendTime"}
    extra = (f"{NAME}.message", f"{NAME}.transaction", f"__debezium-heartbeat.{NAME}")
    with (
        topic(3, config, f"{NAME}.public.things") as things,
        topic(1, None, extra[0]),
        topic(1, None, extra[1]),
        topic(1, None, extra[2]),
    ):
        cluster.put(NAME, _connector(url))
        try:
            assert Deadline(60).wait_until(lambda: _runs(cluster))
            yield Captured(url, things)
        finally:
            cluster.delete(NAME)
            cluster.close()
            assert Deadline(30).wait_until(lambda: _without_slot(server))
    with connect(server) as admin:
        admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def _connector(url: str) -> dict[str, str]:
    converter = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "127.0.0.1",
        "database.port": url.rpartition(":")[2].partition("/")[0],
        "database.user": "postgres",
        "database.password": "not-needed",
        "database.dbname": NAME,
        "topic.prefix": NAME,
        "plugin.name": "pgoutput",
        "slot.name": NAME,
        "publication.name": NAME,
        "publication.autocreate.mode": "filtered",
        "table.include.list": "public.things",
        "snapshot.mode": "initial",
        "poll.interval.ms": "5",
        "decimal.handling.mode": "string",
        "skipped.operations": "none",
        "provide.transaction.metadata": "true",
        "heartbeat.interval.ms": "500",
        "exactly.once.support": "required",
        "key.converter": converter,
        "key.converter.schemas.enable": "true",
        "value.converter": converter,
        "value.converter.schemas.enable": "true",
    }


def _runs(cluster: Connect) -> bool:
    tasks = (cluster.status(NAME) or {}).get("tasks", [])
    return bool(tasks) and all(t["state"] == "RUNNING" for t in tasks)


def _without_slot(server: str, name: str = NAME) -> bool:
    with connect(server) as admin:
        admin.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active",
            (name,),
        )
        return admin.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone() is None


def facts(stage: ServiceReader, name: str) -> Any:
    found = stage.at(stage.reached().position).answer(frozenset({Facts(name)}))
    return found[Facts(name)].value


def has_passed(stage: ServiceReader, lsn: int) -> bool:
    return bool(stage.reached().position.covers(LsnPosition(lsn)))


def test_the_events_of_the_cut_are_there_once_the_connector_has_committed_beyond_its_mark(captured: Captured) -> None:
    stage = captured.service()
    assert Deadline(60).wait_until(lambda: (o := facts(stage, "offset"))["lsn"] is not None and not o["snapshot"])
    with connect(captured.url) as connection:
        connection.execute(ROW, (2, BIG))
        connection.execute("UPDATE things SET name = 'zwei' WHERE id = 2")
        connection.execute("UPDATE things SET id = 20 WHERE id = 2")
        connection.execute("UPDATE things SET name = 'zwanzig' WHERE id = 20")
        connection.execute("DELETE FROM things WHERE id = 1")
        cut = open_cut(captured.url)
        connection.execute("INSERT INTO things (id) VALUES (3)")
    assert Deadline(30).wait_until(lambda: has_passed(stage, cut.cut.lsn))
    reader = open_topic(DebeziumTopic(name="t", brokers=brokers(), topic=captured.topic, contract=CONTRACT))  # type: ignore[arg-type]
    rows = reader.at(reader.reached().position).rows().to_pylist()
    inside = [r for r in rows if r[events.TX_ID] is not None and cut.cut.contains(r[events.TX_ID])]
    told = sorted((r[events.LSN], r[events.OP], r["id"], r["name"]) for r in inside)
    assert [t[1:] for t in told] == [
        ("r", 1, "before"),
        ("c", 2, "Ä"),
        ("u", 2, "zwei"),
        ("c", 20, "zwei"),
        ("d", 2, None),
        ("u", 20, "zwanzig"),
        ("d", 1, None),
    ]
    last = next(r for r in inside if r["name"] == "zwanzig")
    source = cut.table(PostgresTable(name="s", connection={"url": captured.url}, table="public.things"))  # type: ignore[arg-type]
    (expected,) = source.rows(list(CONTRACT["columns"])).read_all().to_pylist()
    assert {c: last[c] for c in CONTRACT["columns"]} == expected
    assert (last["big"], last["amount"]) == (BIG, Decimal("1.10"))
    assert all(r[events.COMMIT_TIME] <= r[events.APPEND_TIME] for r in inside if r[events.OP] != "r")
    cut.close()
    reader.close()
    stage.close()


def test_topic_schema_duplicates_and_a_column_added_in_mid_stream(captured: Captured) -> None:
    stage = captured.service()
    with connect(captured.url) as connection:
        connection.execute("ALTER TABLE things ADD COLUMN extra int DEFAULT 7")
        connection.execute("INSERT INTO things (id) VALUES (40)")
        cut = open_cut(captured.url)
    assert Deadline(30).wait_until(lambda: has_passed(stage, cut.cut.lsn))
    reader = open_topic(DebeziumTopic(name="t", brokers=brokers(), topic=captured.topic, contract=CONTRACT))  # type: ignore[arg-type]
    pinned = reader.at(reader.reached().position)
    duplicates = DuplicateKeys(("id",))
    found = pinned.answer(frozenset({StageSchema(), duplicates, RowCount(), Facts("malformed"), Facts("unavailable")}))
    types = {f.name: str(f.type) for f in found[StageSchema()].value.fields}
    assert types == CONTRACT["columns"] | {"extra": "int32"}
    assert (found[duplicates].value.keys, found[Facts("malformed")].value) == (0, [])
    assert found[Facts("unavailable")].value == {}
    operations = pinned.rows([events.OP]).column(0).to_pylist()
    assert found[RowCount()].value == sum(1 for op in operations if op != events.TOMBSTONE) > 1
    cut.close()
    reader.close()
    stage.close()


def test_connector_slot_and_publication_are_told_without_secrets(captured: Captured) -> None:
    stage = captured.service()
    connector = facts(stage, "connector")
    assert (connector["state"], [t["state"] for t in connector["tasks"]]) == ("RUNNING", ["RUNNING"])
    assert (connector["type"], connector["expected_config"]) == ("source", {"tasks.max": 1})
    assert connector["config"]["slot.name"] == NAME
    assert "not-needed" not in json.dumps(connector)
    slots = {s["name"]: s for s in facts(stage, "slots")}
    assert slots[NAME]["expected"] and slots[NAME]["active"] and slots[NAME]["plugin"] == "pgoutput"
    assert all(not s["expected"] for name, s in slots.items() if name != NAME)
    assert facts(stage, "publication") == {NAME: ["public.things"]}
    stage.close()


def test_a_failed_task_is_told_with_its_trace_under_a_running_connector(captured: Captured) -> None:
    cluster = Connect(setting("CONNECT_URL"))
    broken = f"{NAME}_broken"
    missing = {"publication.autocreate.mode": "disabled", "publication.name": "nowhere"}
    cluster.put(broken, {**_connector(captured.url), "topic.prefix": broken, "slot.name": broken, **missing})
    stage = captured.service(connector=broken)
    try:
        assert Deadline(60).wait_until(lambda: any(t["state"] == "FAILED" for t in facts(stage, "connector")["tasks"]))
        (task,) = facts(stage, "connector")["tasks"]
        assert "Exception" in task["trace"]
    finally:
        cluster.delete(broken)
        cluster.close()
        stage.close()
        assert Deadline(30).wait_until(lambda: _without_slot(setting("POSTGRES_URL"), broken))


def test_a_connector_that_is_not_there_and_a_database_that_is_not_named_are_refused(captured: Captured) -> None:
    with pytest.raises(TerminalError, match="no connector nowhere"):
        captured.service(connector="nowhere").reached()
    stage = captured.service(connection=None)
    with pytest.raises(ConfigurationError, match="connection"):
        facts(stage, "slots")
    with pytest.raises(ConfigurationError, match="connector, offset"):
        facts(stage, "weather")
    with pytest.raises(ConfigurationError, match="no rows"):
        stage.at(stage.reached().position).rows()
    stage.close()
