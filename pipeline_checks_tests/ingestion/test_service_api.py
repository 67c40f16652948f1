"""The API on the service's real metadata: who may see what, pages, changes, clusters, health."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pipeline_checks.pipelines.ingestion.flow.metadata.migrations.upgrade import newest, upgrade
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import VERSION_TABLE, Base
from pipeline_checks.pipelines.ingestion.services import CLUSTER, TENANT
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Api, Place
from pipeline_checks_tests.ingestion.service import metadata, served, settings_of

STRANGER = {"Authorization": "Bearer stranger"}


def test_the_migrations_make_what_the_program_knows(ingestion_base: RunningStack) -> None:
    with metadata(ingestion_base.settings) as database:
        upgrade(database.engine)  # once more changes nothing
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            assert context.get_current_revision() == newest()
            assert compare_metadata(context, Base.metadata) == []


def test_a_tenant_sees_nothing_of_another(place: Place, ingestion_base: RunningStack) -> None:
    with served(settings_of(ingestion_base.settings)) as http:
        made = http.post("/api/v1/ingestions", json=place.declaration()).json()
        assert (made["tenant_id"], made["created_by"]) == (TENANT, "owner")
        path = f"/api/v1/ingestions/{made['id']}"
        asked: list[tuple[str, str, Any]] = [
            ("GET", "", None),
            ("PUT", "", {"status": "paused"}),
            ("DELETE", "", None),
            *(("POST", p, None) for p in ("/run", "/pause", "/resume")),
            *(("POST", p, {"confirm": True}) for p in ("/refresh/full", "/refresh/new-only")),
            *(("GET", p, None) for p in ("/runs", "/processed-files", "/schema-versions", "/alerts")),
            ("DELETE", "/processed-files", None),
        ]
        for method, below, body in asked:
            answer = http.request(method, path + below, json=body, headers=STRANGER)
            assert (answer.status_code, answer.json()["error_code"]) == (404, "INGESTION_NOT_FOUND"), (method, below)
        assert http.get("/api/v1/ingestions", headers=STRANGER).json() == []
        forbidden = http.get("/api/v1/ingestions", params={"tenant_id": TENANT}, headers=STRANGER)
        assert (forbidden.status_code, forbidden.json()["error_code"]) == (403, "TENANT_FORBIDDEN")
        mine = http.get("/api/v1/ingestions", params={"tenant_id": TENANT, "status": "draft"}).json()
        assert made["id"] in {i["id"] for i in mine}
        assert http.get("/api/v1/ingestions", params={"status": "error", "source_type": "s3"}).status_code == 200


def test_credentials_are_stored_encrypted_and_never_told(place: Place, ingestion_base: RunningStack) -> None:
    secret = f"secret-{place.name}"
    wanted = place.declaration(source={"credentials": {"aws_access_key_id": "me", "aws_secret_access_key": secret}})
    with served(settings_of(ingestion_base.settings)) as http:
        made = http.post("/api/v1/ingestions", json=wanted)
        told = http.get(f"/api/v1/ingestions/{made.json()['id']}")
    assert secret not in made.text + told.text
    assert "credentials" not in told.json()["source"]
    with metadata(ingestion_base.settings) as database, database.session() as session:
        row = session.execute(sa.text("SELECT i::text FROM ingestions i WHERE id = :id"), {"id": made.json()["id"]})
        assert secret not in row.scalar_one()


def test_what_may_change_is_changed(place: Place, ingestion_base: RunningStack) -> None:
    with served(settings_of(ingestion_base.settings)) as http:
        path = f"/api/v1/ingestions/{http.post('/api/v1/ingestions', json=place.declaration()).json()['id']}"
        changed = {
            "status": "active",
            "schedule": {
                "frequency": "daily",
                "time": "02:30",
                "timezone": "Europe/Berlin",
                "backfill": {"enabled": True, "start_date": "2026-01-01"},
            },
            "quality": {"row_count_threshold": 5, "alerts_enabled": True, "alert_recipients": ["a@example.org"]},
        }
        told = http.put(path, json=changed).json()
        assert told["schedule"]["timezone"] == "Europe/Berlin"
        assert told["schedule"]["backfill"] == {"enabled": True, "start_date": "2026-01-01T00:00:00+01:00"}
        assert told["quality"] == changed["quality"]
        assert told["metadata"]["next_run_time"] is not None
        told = http.put(path, json={"alert_recipients": ["b@example.org"]}).json()
        assert told["quality"]["alert_recipients"] == ["b@example.org"]
        assert told["schedule"]["time"] == "02:30"
        assert http.put(path, json={"status": "paused"}).json()["metadata"]["next_run_time"] is None
        refused = http.put(path, json={"schedule": {"frequency": "custom", "time": None}})
        assert (refused.status_code, refused.json()["error_code"]) == (422, "VALIDATION_ERROR")
        assert http.get(path).json()["schedule"]["frequency"] == "daily"
        for field in ("source", "destination", "format", "name", "id"):
            refused = http.put(path, json={field: {}})
            assert (refused.status_code, refused.json()["error_code"]) == (422, "FIELD_NOT_UPDATABLE")


def test_files_come_in_pages_in_the_order_of_their_paths(place: Place, ingestion_base: RunningStack) -> None:
    with served(settings_of(ingestion_base.settings)) as http, metadata(ingestion_base.settings) as database:
        made = http.post("/api/v1/ingestions", json=place.declaration()).json()["id"]
        known_files(database, made, [f"s3://b/{place.name}/{n:02d}%_.json" for n in range(25)])
        path, seen, cursor = f"/api/v1/ingestions/{made}/processed-files", [], None
        while True:
            page = http.get(path, params={"limit": 10, **({"cursor": cursor} if cursor else {})}).json()
            assert page["total"] == 25
            seen += [f["file_path"] for f in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == sorted(seen)
        assert len(set(seen)) == 25
        found = http.get(path, params={"path_prefix": f"s3://b/{place.name}/1", "status": "SUCCESS"}).json()
        assert (found["total"], len(found["items"]), found["next_cursor"]) == (10, 10, None)
        assert http.get(path, params={"path_prefix": "s3://b/%"}).json()["total"] == 0
        for bad in ({"cursor": "x"}, {"limit": 0}, {"limit": 10_001}, {"status": "LOST"}):
            assert http.get(path, params=bad).status_code == 422
        cleared = http.delete(path).json()
        assert cleared == {
            "message": "Cleared 25 processed file records",
            "files_cleared": 25,
            "ingestion_id": made,
        }


def known_files(database: Any, ingestion_id: str, paths: list[str], etag: str = "e", size: int = 1) -> None:
    """Write files down as loaded, in one statement."""
    with database.session() as session:
        session.execute(
            sa.text(
                "INSERT INTO processed_files (id, ingestion_id, file_path, file_size_bytes, file_modified_at,"
                " file_etag, status, discovered_at, last_seen_at, retry_count, created_at, updated_at)"
                " SELECT gen_random_uuid()::text, :id, path, :size, now(), :etag, 'SUCCESS', now(), now(), 0, now(),"
                " now() FROM unnest(CAST(:paths AS text[])) AS path"
            ),
            {"id": ingestion_id, "paths": paths, "etag": etag, "size": size},
        )


def test_clusters_are_those_of_the_settings_and_are_really_asked(
    ingestion_stack: RunningStack, make_api: Callable[..., Api], place: Place
) -> None:
    api = make_api(place.declaration())
    (cluster,) = api.told("GET", "/clusters")
    assert (cluster["id"], cluster["status"], cluster["workers"]) == (CLUSTER, "available", 4)
    assert api.told("GET", f"/clusters/{CLUSTER}") == cluster
    tested = api.told("POST", f"/clusters/{CLUSTER}/test-connection")
    assert tested["status"] == "success"
    assert tested["spark_version"].startswith("4.")
    assert tested["available_memory_gb"] > 0
    assert api.told("GET", "/clusters/nowhere", 404)["error_code"] == "CLUSTER_NOT_FOUND"
    health = api.http.get(ingestion_stack.settings["INGESTION_API_URL"] + "/health")
    assert (health.status_code, health.json()["status"]) == (200, "healthy")


def test_a_cluster_that_is_away_is_told(place: Place, ingestion_base: RunningStack) -> None:
    stack = {**ingestion_base.settings, "INGESTION_SPARK_CONNECT_URL": "sc://127.0.0.1:1"}
    with served(settings_of(stack)) as http:
        away = http.post(f"/api/v1/clusters/{CLUSTER}/test-connection")
        assert (away.status_code, away.json()["error_code"]) == (503, "CLUSTER_UNAVAILABLE")
        assert http.get(f"/api/v1/clusters/{CLUSTER}").json()["status"] == "unavailable"
        health = http.get("/health")
        assert (health.status_code, health.json()["spark"], health.json()["database"]) == (
            503,
            "disconnected",
            "connected",
        )
        made = http.post("/api/v1/ingestions", json=place.declaration()).json()["id"]
        refused = http.post(f"/api/v1/ingestions/{made}/refresh/full", json={"confirm": True})
        assert (refused.status_code, refused.json()["error_code"]) == (503, "CLUSTER_UNAVAILABLE")


@pytest.mark.parametrize("evolved", [False, True])
def test_an_ingestion_can_be_tried_and_its_cost_measured_before_it_is_made(
    place: Place, make_api: Callable[..., Api], evolved: bool
) -> None:
    api = make_api(place.declaration())
    place.put_batches(0, 1, count=10, evolved=evolved)
    place.put("other.txt", b"not one of them")
    before = api.told("GET", "/ingestions")
    seen = api.told("POST", "/ingestions/test", 200, place.declaration())
    assert {c["name"] for c in seen["schema"]} >= {"id", "value"}
    assert ("region" in {c["name"] for c in seen["schema"]}) is evolved
    assert (seen["file_count"], len(seen["sample_data"])) == (2, 5)
    assert seen["estimated_records"] == pytest.approx(20, abs=2)
    cost = api.told("POST", "/ingestions/estimate-cost", 200, place.declaration())["breakdown_details"]
    assert (cost["measured"], cost["estimated_file_count"], cost["runs_per_month"]) == (True, 2, 0)
    assert api.told("GET", "/ingestions") == before
