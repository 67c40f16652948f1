"""The services that pipelines share: PostgreSQL, Kafka, Connect, an object store and Spark, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_checks.stack.service import Service


def shared() -> tuple[Service, ...]:
    """Return all of them."""
    from pipeline_checks.stack.services.connect import connect
    from pipeline_checks.stack.services.kafka import kafka
    from pipeline_checks.stack.services.object_store import object_store
    from pipeline_checks.stack.services.postgres import postgres
    from pipeline_checks.stack.services.spark_connect import spark_connect

    return (postgres(), kafka(), connect(), object_store(), spark_connect())
