"""A database of a test's own with a Debezium connector that captures one table of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from pipeline_checks.clients.connect import Connect
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow.connector import configuration
from pipeline_checks_tests.stack.topics import create


@dataclass(frozen=True)
class OwnConnector:
    """The connector ``name`` of table ``public.<table>``; slot, publication and topic prefix have its name too."""

    name: str
    url: str
    table: str

    @property
    def topic(self) -> str:
        """The topic of the table."""
        return f"{self.name}.public.{self.table}"

    def source(self, **contract: Any) -> dict[str, Any]:
        """Return the declaration of the source table."""
        return {
            "name": "source",
            "kind": "postgres_table",
            "connection": {"url": self.url},
            "table": f"public.{self.table}",
            "contract": contract,
        }

    def stages(self, **contract: Any) -> list[dict[str, Any]]:
        """Return the declarations of source, connector and topic."""
        service = {
            "name": "connector",
            "kind": "service",
            "from": "source",
            "url": setting("CONNECT_URL"),
            "connector": self.name,
            "connection": {"url": self.url},
            "slot": self.name,
            "publication": self.name,
        }
        topic = {
            "name": "topic",
            "kind": "debezium_topic",
            "from": ["source", "connector"],
            "connector": "connector",
            "brokers": setting("KAFKA_BOOTSTRAP_SERVERS"),
            "topic": self.topic,
        }
        return [self.source(**contract), service, topic]

    def start(self, **changes: str) -> None:
        """Create the connector with its topic, or change its configuration, and wait until it runs."""
        client = Connect(setting("CONNECT_URL"))
        names = {
            "topic.prefix": self.name,
            "slot.name": self.name,
            "publication.name": self.name,
            "table.include.list": f"public.{self.table}",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitions": "1",
        }
        client.put(self.name, {**configuration(self.url), **names, **changes})
        self.wait_until_running()
        client.close()

    def wait_until_running(self) -> None:
        """Wait until the connector and its task run."""
        client = Connect(setting("CONNECT_URL"))

        def runs() -> bool:
            status = client.status(self.name) or {}
            states = [status.get("connector", {}).get("state"), *(t["state"] for t in status.get("tasks", ()))]
            return len(states) > 1 and set(states) == {"RUNNING"}

        assert Deadline(60).wait_until(runs), client.status(self.name)
        client.close()

    def remove(self) -> None:
        """Delete the connector and wait until it has left its slot."""
        client = Connect(setting("CONNECT_URL"))
        client.delete(self.name)
        with connect(self.url) as database:
            query = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND active"
            assert Deadline(30).wait_until(lambda: database.execute(query, (self.name,)).fetchone() == (0,))
        client.close()


@contextmanager
def own_connector(table: str, ddl: str) -> Iterator[OwnConnector]:
    """Make a database with a table, and take down at the end what the test has started for it."""
    name = f"own_{uuid4().hex[:10]}"
    server = setting("POSTGRES_URL")
    url = server.rpartition("/")[0] + f"/{name}"
    with connect(server) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    create(f"{name}.public.{table}", 1)
    try:
        with connect(url) as database:
            database.execute(ddl)
        yield OwnConnector(name, url, table)
    finally:
        client = Connect(setting("CONNECT_URL"))
        if name in client.connectors():
            client.delete(name)
        client.close()
        with connect(server) as admin:
            free = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND active"
            assert Deadline(30).wait_until(lambda: admin.execute(free, (name,)).fetchone() == (0,))
            admin.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,)
            )
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        kafka = AdminClient({"bootstrap.servers": setting("KAFKA_BOOTSTRAP_SERVERS")})
        left = [topic for topic in kafka.list_topics(timeout=30).topics if topic.startswith(f"{name}.")]
        if left:
            for done in kafka.delete_topics(left).values():
                done.result(30)
