"""What the pipeline ``ingestion`` runs on: the shared services, a Spark of its own, the API and the worker."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from functools import cache
from typing import Any

from pipeline_checks.model.errors import TransientError
from pipeline_checks.stack.probes import probe_json
from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.object_store import object_store
from pipeline_checks.stack.services.postgres import databases, postgres
from pipeline_checks.stack.services.spark_s3 import spark_on_s3

_FLOW = "pipeline_checks.pipelines.ingestion.flow"
TENANT = "test-tenant-001"
USER = "user_001"
CLUSTER = "test-cluster-001"
CATALOG = "test_catalog"
SOURCE_BUCKET = "landing"
WAREHOUSE_BUCKET = "lakehouse"
WAREHOUSE = f"s3a://{WAREHOUSE_BUCKET}/warehouse"


@cache
def services() -> list[Service]:
    """Return the services of the pipeline."""
    own = databases("ingestion", {"INGESTION_DATABASE_URL": ("postgresql", "ingestion")})
    spark = spark_on_s3("ingestion_spark", "INGESTION_SPARK_CONNECT_URL", {CATALOG: WAREHOUSE})
    return [postgres(), object_store(), own, _prepare(), spark, _api(), _worker()]


def _program(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"{_FLOW}.{name}")


def _prepare() -> Service:
    """Bring the metadata to its newest version and make the buckets."""

    def settings(placement: Placement) -> Settings:
        return {
            "INGESTION_SOURCE_BUCKET": Placement.chosen("INGESTION_SOURCE_BUCKET", SOURCE_BUCKET),
            "INGESTION_WAREHOUSE": WAREHOUSE,
        }

    def environment(placement: Placement) -> Settings:
        buckets = json.dumps([placement.settings["INGESTION_SOURCE_BUCKET"], WAREHOUSE_BUCKET])
        return {**_stored(placement), "INGESTION_BUCKETS": buckets}

    return Service(
        name="ingestion_prepare",
        command=lambda placement: _program("prepare"),
        depends_on=("ingestion_databases", "object_store"),
        settings=settings,
        environment=environment,
        once=True,
        ready_seconds=60,
    )


def _api() -> Service:
    def settings(placement: Placement) -> Settings:
        return {
            "INGESTION_API_URL": placement.url("ingestion_api"),
            "INGESTION_API_TOKEN": placement.kept("INGESTION_API_TOKEN", lambda: secrets.token_urlsafe(24)),
            "INGESTION_ENCRYPTION_KEY": placement.kept("INGESTION_ENCRYPTION_KEY", _new_key),
        }

    return Service(
        name="ingestion_api",
        command=lambda placement: _program("api"),
        depends_on=("ingestion_prepare", "ingestion_spark"),
        ports=("ingestion_api",),
        needs=("INGESTION_API_URL", "INGESTION_API_TOKEN"),
        settings=settings,
        environment=lambda placement: {**_serving(placement), "INGESTION_PORT": str(placement.ports["ingestion_api"])},
        probe=lambda settings: _answers("the ingestion API", settings["INGESTION_API_URL"]),
        stop_seconds=10,
    )


def _worker() -> Service:
    return Service(
        name="ingestion_worker",
        command=lambda placement: _program("worker"),
        depends_on=("ingestion_prepare", "ingestion_spark"),
        ports=("ingestion_worker",),
        needs=("INGESTION_WORKER_METRICS_URL",),
        settings=lambda placement: {"INGESTION_WORKER_METRICS_URL": placement.url("ingestion_worker")},
        environment=lambda placement: {
            **_serving(placement),
            "INGESTION_PORT": str(placement.ports["ingestion_worker"]),
        },
        probe=lambda settings: _answers("the ingestion worker", settings["INGESTION_WORKER_METRICS_URL"]),
        stop_seconds=15,
    )


def _stored(placement: Placement) -> dict[str, str]:
    """Where metadata and objects lie."""
    names = ("INGESTION_DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    found = {name: placement.settings[name] for name in names}
    return {name if name.startswith("INGESTION_") else f"INGESTION_{name}": value for name, value in found.items()}


def _serving(placement: Placement) -> dict[str, str]:
    """What the API and the worker are told alike."""
    cluster = {
        "name": "Embedded Spark",
        "spark_connect_url": placement.settings["INGESTION_SPARK_CONNECT_URL"],
        "workers": 4,
        "dbus_per_worker": 16,
        "warehouses": {CATALOG: placement.settings["INGESTION_WAREHOUSE"]},
    }
    token = placement.settings["INGESTION_API_TOKEN"]
    return {
        **_stored(placement),
        "INGESTION_CLUSTERS": json.dumps({CLUSTER: cluster}),
        "INGESTION_TOKENS": json.dumps({token: {"tenant_id": TENANT, "user_id": USER}}),
        "INGESTION_ENCRYPTION_KEYS": placement.settings["INGESTION_ENCRYPTION_KEY"],
        # A worker that was killed is started anew at once, and need not wait long for its own lease.
        "INGESTION_LEASE_SECONDS": Placement.chosen("INGESTION_LEASE_SECONDS", "10"),
        "INGESTION_SCHEDULER_CHECK_INTERVAL": Placement.chosen("INGESTION_SCHEDULER_CHECK_INTERVAL", "1"),
    }


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _answers(name: str, url: str) -> None:
    document: Any = probe_json(name, url, "/")
    if not isinstance(document, dict) or document.get("status") != "running":
        raise TransientError(f"{name} is not ready.", next_step="Look at its log.")
