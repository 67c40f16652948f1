"""Probes: whether a service answers its own protocol. Each returns when it does and raises TransientError when not."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from pipeline_checks.model.errors import TransientError

_SECONDS = 3.0


def probe_port(name: str, host: str, port: int) -> None:
    """Ask whether anything listens; costs nothing, where a client would wait before it reports a refusal."""
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as error:
        raise TransientError(
            f"{name} does not listen on {host}:{port}: {error.strerror or error}",
            next_step="Look at its log, or start it with `pipeline-checks up`.",
        ) from error


def probe_postgres(url: str) -> None:
    """Run a query."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=int(_SECONDS), autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        # Only the class and the server's own words: libpq repeats host and user, never the password.
        raise TransientError(
            f"PostgreSQL does not answer: {str(error).strip().splitlines()[0] if str(error) else type(error).__name__}",
            next_step="Look at its log.",
        ) from error


def probe_kafka(bootstrap: str) -> None:
    """Ask for the metadata of the cluster."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    probe_port("Kafka", host, int(port))
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
        brokers = admin.list_topics(timeout=_SECONDS).brokers
    except KafkaException as error:
        raise TransientError(f"Kafka does not answer: {error.args[0].str()}", next_step="Look at its log.") from error
    if not brokers:
        raise TransientError("Kafka answers, but has no broker yet", next_step="Look at its log.")


def probe_http(name: str, url: str, path: str) -> Any:
    """GET a path and return its JSON (None where the answer is not JSON); every status below 400 will do.

    The client of the standard library is used because it takes no proxy from the environment.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(
            f"{name} does not answer at {parts.hostname}:{parts.port}: {error or type(error).__name__}",
            next_step="Look at its log, or start it with `pipeline-checks up`.",
        ) from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise TransientError(
            f"{name} answers {answer.status} to {path}: {body[:200].decode(errors='replace')}",
            next_step="Look at its log.",
        )
    try:
        return json.loads(body)
    except ValueError:
        return None
