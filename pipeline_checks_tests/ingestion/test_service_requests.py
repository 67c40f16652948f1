"""What the API takes and refuses before anything is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.serving.app import context_of, create_app
from pipeline_checks.pipelines.ingestion.flow.settings import Settings, refuse_unknown

SECRET = "not-to-be-told"
CLUSTER = {
    "name": "Spark",
    "spark_connect_url": "sc://127.0.0.1:1",
    "warehouses": {"test_catalog": "s3a://lakehouse/warehouse"},
}


@pytest.fixture(scope="module")
def http() -> TestClient:
    """The application; nothing that it needs is there."""
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        tokens={"token": {"tenant_id": "tenant", "user_id": "user"}},
        encryption_keys=[Fernet.generate_key().decode()],
        clusters={"c": CLUSTER},
        s3_endpoint="http://127.0.0.1:1",
    )
    return TestClient(
        create_app(context_of(settings)), headers={"Authorization": "Bearer token"}, raise_server_exceptions=False
    )


def declaration(path: str = "", value: Any = None) -> dict[str, Any]:
    """Return an ingestion with one field, named by its path with dots, set to a value."""
    made: dict[str, Any] = {
        "name": "n",
        "cluster_id": "c",
        "source": {"type": "s3", "path": "s3://bucket/data/"},
        "format": {"type": "json"},
        "destination": {"catalog": "test_catalog", "database": "d", "table": "t"},
        "schedule": {},
    }
    if path:
        *above, last = path.split(".")
        place = made
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("name", "", "VALIDATION_ERROR"),
        ("name", "a\x00b", "VALIDATION_ERROR"),
        ("cluster_id", "nowhere", "CLUSTER_UNKNOWN"),
        ("source.type", "gcs", "VALIDATION_ERROR"),
        ("source.type", "azure_blob", "VALIDATION_ERROR"),
        ("source.path", "gs://bucket/x", "VALIDATION_ERROR"),
        ("source.path", "s3://", "VALIDATION_ERROR"),
        ("source.on_change", "overwrite", "VALIDATION_ERROR"),
        ("source.credentials", {"aws_access_key_id": "a"}, "VALIDATION_ERROR"),
        ("format.type", "xml", "VALIDATION_ERROR"),
        ("format.schema", {"inference": "manual"}, "VALIDATION_ERROR"),
        ("format.bad_records", "drop", "VALIDATION_ERROR"),
        ("format.options", {"delimiter": ";;"}, "VALIDATION_ERROR"),
        ("destination.write_mode", "overwrite", "VALIDATION_ERROR"),
        ("destination.table", "t; DROP TABLE x", "VALIDATION_ERROR"),
        ("destination.catalog", "elsewhere", "CATALOG_UNKNOWN"),
        ("destination.optimization", {"z_ordering_enabled": True}, "VALIDATION_ERROR"),
        ("destination.partitioning", {"enabled": True}, "VALIDATION_ERROR"),
        ("schedule.timezone", "Mars/Base", "VALIDATION_ERROR"),
        ("schedule.frequency", "custom", "VALIDATION_ERROR"),
        ("schedule.backfill", {"enabled": True}, "VALIDATION_ERROR"),
        ("quality.row_count_threshold", -1, "VALIDATION_ERROR"),
        ("quality.row_count_threshold", 2**63, "VALIDATION_ERROR"),
        ("colour", "red", "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(http: TestClient, path: str, value: Any, code: str) -> None:
    answer = http.post("/api/v1/ingestions", json=declaration(path, value))
    assert answer.status_code == 422, answer.text
    assert answer.json()["error_code"] == code
    assert path.split(".")[0] in answer.json()["detail"][0]["loc"]
    assert set(answer.json()["detail"][0]) == {"type", "loc", "msg", "input"}


@pytest.mark.parametrize("kind", ["k", "bigint)", "decimal(39,2)", "decimal(3,4)", "array<", "array<" * 40, "map<int>"])
def test_a_type_that_is_none_is_refused(http: TestClient, kind: str) -> None:
    given = {"inference": "manual", "schema_json": [{"name": "a", "data_type": kind}]}
    answer = http.post("/api/v1/ingestions", json=declaration("format.schema", given))
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][-1] == "data_type"


def test_another_write_mode_is_told_what_there_is_instead(http: TestClient) -> None:
    answer = http.post("/api/v1/ingestions", json=declaration("destination.write_mode", "overwrite"))
    assert "only append is supported" in answer.text
    assert "/refresh/full" in answer.text


@pytest.mark.parametrize(
    "credentials",
    [
        {"aws_access_key_id": "a", "aws_secret_access_key": SECRET, "endpoint_url": "http://169.254.169.254"},
        {"aws_access_key_id": "a", "aws_secret_access_key": SECRET, "colour": SECRET},
        {"aws_secret_access_key": SECRET},
        SECRET,
    ],
)
def test_a_refusal_does_not_tell_the_credentials(http: TestClient, credentials: Any) -> None:
    answer = http.post("/api/v1/ingestions", json=declaration("source.credentials", credentials))
    assert answer.status_code == 422
    assert SECRET not in answer.text
    wrong = declaration("source.credentials", credentials)
    del wrong["format"]
    assert SECRET not in http.post("/api/v1/ingestions", json=wrong).text


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Bearer other"}, {"Authorization": "x"}])
def test_nobody_is_served_without_a_token(http: TestClient, headers: dict[str, str]) -> None:
    for path in ("/api/v1/ingestions", "/api/v1/clusters", "/api/v1/ingestions/ing_000000000000/runs"):
        answer = http.get(path, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHORIZED")


def test_every_refusal_has_a_code(http: TestClient) -> None:
    assert http.get("/nowhere").json()["error_code"] == "NOT_FOUND"
    assert http.put("/").json()["error_code"] == "METHOD_NOT_ALLOWED"
    away = http.get("/api/v1/ingestions")
    assert (away.status_code, away.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    refused = http.put("/api/v1/ingestions/ing_000000000000", json={"source": {}})
    assert (refused.status_code, refused.json()["error_code"]) == (422, "FIELD_NOT_UPDATABLE")
    broken = http.post("/api/v1/ingestions", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["error_code"]) == (422, "VALIDATION_ERROR")


def test_costs_are_assumed_where_source_and_cluster_are_away(http: TestClient) -> None:
    told = http.post("/api/v1/ingestions/estimate-cost", json=declaration("schedule.frequency", "daily")).json()
    assert told["total_monthly"] == 65.88
    assert told["breakdown_details"]["measured"] is False


def test_the_document_names_every_refusal(http: TestClient) -> None:
    document = http.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/api/"):
                assert {"401", "404", "409", "422", "503"} <= set(operation["responses"]), path
                assert operation["security"] == [{"HTTPBearer": []}]
    assert "aws_secret_access_key" not in json.dumps(document["components"]["schemas"]["IngestionResponse"])


def test_keys_can_be_changed() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    closed = Vault([old]).close({"secret_key": SECRET})
    assert closed is not None
    assert SECRET not in closed
    assert Vault([new, old]).open(closed) == {"secret_key": SECRET}
    with pytest.raises(ConfigurationError, match="not set any more"):
        Vault([new]).open(closed)
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Vault(["short"])


def test_a_mistyped_variable_is_refused() -> None:
    refuse_unknown(["INGESTION_DATABASE_URL", "INGESTION_API_URL", "PATH"])
    with pytest.raises(ConfigurationError, match="INGESTION_DATABSE_URL"):
        refuse_unknown(["INGESTION_DATABSE_URL"])
