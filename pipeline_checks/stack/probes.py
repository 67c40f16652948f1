"""Probes: whether a service answers its own protocol. Each returns when it does and raises TransientError when not."""

from __future__ import annotations

import socket
from typing import Any

from pipeline_checks.model.errors import TerminalError, TransientError

_SECONDS = 3.0


def probe_port(name: str, host: str, port: int) -> None:
    """Ask whether anything listens; costs nothing, where a client would wait before it reports a refusal."""
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as error:
        raise TransientError(
            f"{name} does not listen on {host}:{port}: {error.strerror or error}.",
            next_step="Look at its log, or start it with `pipeline-checks up`.",
        ) from error


def probe_postgres(url: str) -> None:
    """Run a query."""
    from pipeline_checks.clients import postgres

    with postgres.translated("PostgreSQL does not answer"), postgres.connect(url) as connection:
        connection.execute("SELECT 1")


def probe_kafka(bootstrap: str) -> None:
    """Ask for the metadata of the cluster."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    if port.isdigit():
        probe_port("Kafka", host, int(port))
    from pipeline_checks.clients import kafka

    with kafka.translated("Kafka does not answer"):
        brokers = kafka.admin(bootstrap).list_topics(timeout=_SECONDS).brokers
    if not brokers:
        raise TransientError("Kafka answers, but has no broker yet.", next_step="Look at its log.")


def probe_json(name: str, url: str, path: str) -> Any:
    """GET a path and return its JSON. An answer that is no success counts as not ready."""
    from pipeline_checks.clients import http

    try:
        with http.client(url) as session:
            return http.get_json(session, path)[0]
    except (TransientError, TerminalError) as error:
        raise TransientError(f"{name} is not ready: {error.message}", next_step="Look at its log.") from error


def probe_ready(name: str, url: str) -> None:
    """Ask ``/health`` of a program, which says ``ready`` and, where it is not, a ``message``."""
    health = probe_json(name, url, "/health")
    if isinstance(health, dict) and not health.get("ready", True):
        raise TransientError(f"{name} is not ready: {health.get('message') or health}", next_step="Look at its log.")


def probe_s3(endpoint: str) -> None:
    """Send an unsigned request: an S3 API refuses it, which shows that it is there."""
    from pipeline_checks.clients import http

    with http.translated("the object store does not answer"), http.client(endpoint) as session:
        status = session.get("/").status_code
    if status >= 500:
        raise TransientError(f"the object store answers {status}.", next_step="Look at its log.")
