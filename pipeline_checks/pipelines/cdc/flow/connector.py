"""The Debezium connector: its configuration, its registration, and waiting until it and its tasks run."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.connect import Connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.pipelines.cdc.flow.names import CONNECTOR, PREFIX, PUBLICATION, SCHEMA, SLOT
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED

_JSON: Final = "org.apache.kafka.connect.json.JsonConverter"


def configuration(database_url: str) -> dict[str, str]:
    """Return the connector's configuration for the database of a URL.

    Values carry their schema, so that a column added in mid-stream brings its type; keys carry none, so that a
    changed key type does not move a key to another partition.
    """
    parts = urlsplit(database_url)
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": parts.hostname or "127.0.0.1",
        "database.port": str(parts.port or 5432),
        "database.user": unquote(parts.username or "postgres"),
        "database.password": unquote(parts.password or ""),
        "database.dbname": parts.path.lstrip("/"),
        "topic.prefix": PREFIX,
        "plugin.name": "pgoutput",
        "slot.name": SLOT,
        "slot.drop.on.stop": "false",
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "filtered",
        "table.include.list": ",".join(f"{SCHEMA}.{t.name}" for t in CAPTURED),
        "snapshot.mode": "initial",
        "tombstones.on.delete": "true",
        "skipped.operations": "none",
        "provide.transaction.metadata": "true",
        "decimal.handling.mode": "string",
        "time.precision.mode": "adaptive",
        # Decimals come as text: precision and scale of such a column are known by this alone.
        "datatype.propagate.source.type": r".+\.NUMERIC,.+\.DECIMAL",
        "heartbeat.interval.ms": "500",
        "poll.interval.ms": "20",
        "exactly.once.support": "required",
        "producer.override.linger.ms": "0",
        "key.converter": _JSON,
        "key.converter.schemas.enable": "false",
        "value.converter": _JSON,
        "value.converter.schemas.enable": "true",
        # Else a NULL in a column that has a default comes as the default.
        "value.converter.replace.null.with.default": "false",
        # Without it the old and the new key of a changed row come as text that is no JSON.
        "header.converter": _JSON,
        "header.converter.schemas.enable": "false",
        "retriable.restart.connector.wait.ms": "500",
        "slot.retry.delay.ms": "500",
        "slot.max.retries": "100",
        "errors.max.retries": "-1",
        "errors.retry.delay.initial.ms": "200",
        "errors.retry.delay.max.ms": "1000",
    }


def register(connect: Connect, config: dict[str, str], deadline: Deadline) -> None:
    """Create the connector, or bring the one that is there to this configuration.

    Raises ConfigurationError when another connector has the same topic prefix: two of them would put every event
    into the topics twice.
    """

    def put() -> bool:
        try:
            refuse_second(connect, config["topic.prefix"])
            if connect.config(CONNECTOR) != {**config, "name": CONNECTOR}:
                connect.put(CONNECTOR, config)
            return True
        except TransientError:
            if deadline.passed:
                raise
            return False

    deadline.wait_until(put, every=0.1)


def refuse_second(connect: Connect, prefix: str) -> None:
    """Raise ConfigurationError when a connector of another name has the topic prefix."""
    for name in connect.connectors():
        found = connect.config(name) if name != CONNECTOR else None
        if found is not None and found.get("topic.prefix", found.get("database.server.name")) == prefix:
            raise ConfigurationError(
                f"the connector {name!r} has the topic prefix {prefix!r} already",
                next_step=f"Delete it or change its prefix: with {CONNECTOR!r} beside it every event comes twice.",
                connector=name,
            )


_FORGOTTEN_SECONDS = 5.0
"""A worker that lost its broker while it wrote the status can leave it UNASSIGNED for good, though the tasks run."""


def wait_until_running(connect: Connect, deadline: Deadline) -> None:
    """Wait until the connector and all of its tasks run.

    A task that failed is started again, and so is a connector whose status was lost. A task that fails to the end
    raises TerminalError with the first line of its trace; TransientError is raised when the deadline passes before.
    """
    last: dict[str, Any] = {}
    restarts = 0
    forgotten_since: float | None = None

    def running() -> bool:
        nonlocal last, restarts, forgotten_since
        try:
            last = connect.status(CONNECTOR) or {}
            states = [last.get("connector", {}).get("state"), *(t["state"] for t in last.get("tasks", ()))]
            forgotten = len(states) > 1 and states[0] == "UNASSIGNED" and set(states[1:]) == {"RUNNING"}
            forgotten_since = (forgotten_since or deadline.elapsed) if forgotten else None
            stuck = forgotten_since is not None and deadline.elapsed - forgotten_since > _FORGOTTEN_SECONDS
            if ("FAILED" in states or stuck) and restarts < 3:
                restarts += 1
                forgotten_since = None
                connect.restart(CONNECTOR)
        except TransientError:
            return False
        return len(states) > 1 and set(states) == {"RUNNING"}

    if deadline.wait_until(running, every=0.1):
        return
    failed = [t for t in last.get("tasks", ()) if t["state"] == "FAILED"]
    if failed:
        trace = str(failed[0].get("trace", "")).splitlines()
        raise TerminalError(
            f"task {failed[0]['id']} of {CONNECTOR!r} has failed: {trace[0] if trace else 'no trace'}",
            next_step="See the worker's log; a lost replication slot needs its offsets deleted.",
        )
    raise TransientError(
        f"{CONNECTOR!r} and its tasks do not run after {deadline.seconds:.0f} s",
        next_step="See the worker's log.",
        status=last,
    )
