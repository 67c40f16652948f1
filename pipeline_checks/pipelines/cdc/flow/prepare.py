"""Prepares source and topics: ``python -m pipeline_checks.pipelines.cdc.flow.prepare``. Can be run again any time."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.connect import Connect
from pipeline_checks.clients.kafka_topics import create_topics
from pipeline_checks.clients.postgres import connect as connect_postgres
from pipeline_checks.clients.postgres import translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.cdc.flow.connector import configuration, register, wait_until_running
from pipeline_checks.pipelines.cdc.flow.names import PUBLICATION, SCHEMA
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED, ddl
from pipeline_checks.pipelines.cdc.flow.topics import declared

if TYPE_CHECKING:
    from psycopg import Connection

_log = logging.getLogger(__name__)


def prepare(seconds: float = 90.0) -> None:
    """Make database, schema, publication and topics where they are missing, and let the connector run.

    Parameters
    ----------
    seconds:
        How long to wait for the connector and its tasks.
    """
    deadline = Deadline(seconds)
    url = setting("CDC_POSTGRES_URL")
    config = configuration(url)
    with ThreadPoolExecutor(1) as pool:
        topics = pool.submit(create_topics, setting("KAFKA_BOOTSTRAP_SERVERS"), declared())
        create_database(url)
        create_schema(url, config["table.include.list"].split(","))
        _log.info("topics created: %s", ", ".join(topics.result()) or "none")
    connect = Connect(setting("CONNECT_URL"))
    try:
        register(connect, config, deadline)
        wait_until_running(connect, deadline)
    finally:
        connect.close()
    _log.info("the connector and its tasks run after %.1f s", deadline.elapsed)


def create_database(url: str) -> None:
    """Create the captured database where it is missing and ``POSTGRES_URL`` says where to."""
    from psycopg import sql

    server = setting("POSTGRES_URL", "")
    if not server:
        return
    name = unquote(urlsplit(url).path.lstrip("/"))
    with connect_postgres(server) as connection, translated(f"creating the database {name}"):
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def create_schema(url: str, included: Iterable[str]) -> None:
    """Create tables, indexes, triggers and the publication.

    Raises ConfigurationError when an included table is missing.
    """
    with connect_postgres(url, autocommit=False) as connection, translated("creating the schema"):
        # Two at once would both find a table missing; the lock ends with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline_checks.cdc.prepare'))")
        for statement in ddl():
            connection.execute(statement)
        refuse_missing(connection, included)
        _publish(connection)


def refuse_missing(connection: Connection[Any], included: Iterable[str]) -> None:
    """Raise ConfigurationError when a table that the connector is to capture does not exist.

    Debezium itself says nothing of it, and nothing of the table is ever captured.
    """
    missing = [name for name in included if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,)]
    if missing:
        raise ConfigurationError(
            f"the connector is to capture {', '.join(missing)}, which the database does not have",
            next_step="Create the table, or take it out of table.include.list.",
            missing=missing,
        )


def _publish(connection: Connection[Any]) -> None:
    """Create the publication, or bring it to the captured tables."""
    from psycopg import sql

    published = connection.execute(
        "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = %s", (PUBLICATION,)
    ).fetchall()
    exists = connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (PUBLICATION,)).fetchone()
    if exists and {row[0] for row in published} == {f"{SCHEMA}.{t.name}" for t in CAPTURED}:
        return
    tables = sql.SQL(", ").join(sql.Identifier(SCHEMA, t.name) for t in CAPTURED)
    form = "ALTER PUBLICATION {} SET TABLE {}" if exists else "CREATE PUBLICATION {} FOR TABLE {}"
    connection.execute(sql.SQL(form).format(sql.Identifier(PUBLICATION), tables))


def main() -> int:
    """Prepare; exit 0 when everything runs, 2 for a wrong setting, 3 when something outside stood in the way."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        prepare()
    except PipelineChecksError as error:
        _log.error("%s", error)
        return 2 if isinstance(error, ConfigurationError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
