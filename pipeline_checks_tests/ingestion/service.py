"""The parts of the service within the test's process, on the stack's Postgres, store and Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cryptography.fernet import Fernet
from fastapi.testclient import TestClient

from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.running.leases import claim
from pipeline_checks.pipelines.ingestion.flow.running.starting import begin_run
from pipeline_checks.pipelines.ingestion.flow.serving.app import context_of, create_app
from pipeline_checks.pipelines.ingestion.flow.settings import Cluster, Identity, Settings
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, TENANT

STRANGER = "another-tenant"
LONG_SECONDS = 600.0


def settings_of(stack: Mapping[str, str], **changes: Any) -> Settings:
    """Return settings as the stack's own programs have them."""
    cluster = Cluster(
        name="Spark",
        spark_connect_url=stack.get("INGESTION_SPARK_CONNECT_URL", "sc://127.0.0.1:1"),
        warehouses={CATALOG: stack["INGESTION_WAREHOUSE"]},
    )
    given: dict[str, Any] = {
        "database_url": stack["INGESTION_DATABASE_URL"],
        "tokens": {
            "owner": Identity(tenant_id=TENANT, user_id="owner"),
            "stranger": Identity(tenant_id=STRANGER, user_id="stranger"),
        },
        "encryption_keys": stack.get("INGESTION_ENCRYPTION_KEY", Fernet.generate_key().decode()),
        "clusters": {CLUSTER: cluster},
        "s3_endpoint": stack["S3_ENDPOINT"],
        "s3_access_key": stack["S3_ACCESS_KEY"],
        "s3_secret_key": stack["S3_SECRET_KEY"],
    }
    return Settings(**{**given, **changes})


@contextmanager
def served(settings: Settings) -> Iterator[TestClient]:
    """Serve the API within this process, to the owner."""
    with TestClient(
        create_app(context_of(settings)), headers={"Authorization": "Bearer owner"}, raise_server_exceptions=False
    ) as http:
        yield http


@contextmanager
def metadata(stack: Mapping[str, str]) -> Iterator[Database]:
    """Open the metadata."""
    database = Database(stack["INGESTION_DATABASE_URL"], connections=4)
    yield database
    database.close()


def run_of_nobody(database: Database, ingestion_id: str, lease_seconds: float = LONG_SECONDS) -> str:
    """Begin a run that no worker carries out: one that is not there holds it for so many seconds."""
    with database.session() as session:
        run_id = begin_run(session, session.get_one(Ingestion, ingestion_id, with_for_update=True), "manual")
        assert claim(session, "nobody", lease_seconds) == run_id
    return run_id
