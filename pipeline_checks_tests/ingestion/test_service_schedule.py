"""Ingestions that run by themselves, and the alerts that runs raise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline_checks.alerts.sending import send_alerts
from pipeline_checks.pipelines.ingestion.flow.scheduling import start_due
from pipeline_checks.pipelines.ingestion.stored_alerts import stored_alerts
from pipeline_checks.pipelines.parts import stored_alerts_of
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.ledger.location import URL_VARIABLE
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Api, Place
from pipeline_checks_tests.ingestion.service import metadata, run_of_nobody
from pipeline_checks_tests.receiver import receiving

HOURLY = {"frequency": "hourly"}
FROZEN = datetime(2040, 1, 1, 0, 30, tzinfo=UTC)
"""A clock that the tests move; the worker's own does not come near it."""


def test_n_ticks_give_n_runs_and_none_overlap(
    make_api: Callable[..., Api], place: Place, ingestion_stack: RunningStack
) -> None:
    api = make_api(place.declaration(schedule=HOURLY))
    assert api.of("GET")["metadata"]["next_run_time"] is None  # a draft is not due
    api.of("PUT", "", 200, {"status": "active"})
    with metadata(ingestion_stack.settings) as database:
        for tick in range(5):
            now = FROZEN + timedelta(hours=tick)
            start_due(database, now)
            start_due(database, now)
            runs = api.of("GET", "/runs")
            assert len(runs) == tick + 1
            api.ended(runs[0]["id"])
    runs = api.of("GET", "/runs")
    assert [(r["trigger"], r["status"]) for r in runs] == [("scheduled", "success")] * 5
    times = sorted((r["started_at"], r["ended_at"]) for r in runs)
    assert all(ended <= started for (_, ended), (started, _) in pairwise(times))
    assert api.of("GET")["metadata"]["next_run_time"].startswith("2040-01-01T05:00:00")


def test_a_tick_during_a_run_begins_no_other_and_ticks_that_were_missed_give_one(
    make_api: Callable[..., Api], place: Place, ingestion_stack: RunningStack
) -> None:
    api = make_api(place.declaration(schedule=HOURLY))
    api.of("PUT", "", 200, {"status": "active"})
    with metadata(ingestion_stack.settings) as database:
        busy = run_of_nobody(database, api.id, lease_seconds=3)
        start_due(database, FROZEN)
        assert [r["id"] for r in api.of("GET", "/runs")] == [busy]
        api.ended(busy, seconds=20)
        start_due(database, FROZEN + timedelta(days=2))
        runs = api.of("GET", "/runs")
        assert [r["trigger"] for r in runs] == ["scheduled", "manual"]
        api.ended(runs[0]["id"])
        api.of("POST", "/pause")
        start_due(database, FROZEN + timedelta(days=3))
        assert len(api.of("GET", "/runs")) == 2


def test_a_schedule_outside_may_begin_runs(api: Api) -> None:
    run_id = api.of("POST", "/run", 202, {"trigger": "scheduled"})["run_id"]
    assert api.ended(run_id)["trigger"] == "scheduled"
    assert api.of("POST", "/run", 422, {"trigger": "retry"})["error_code"] == "VALIDATION_ERROR"


def test_a_run_below_its_threshold_raises_one_alert_and_one_that_reaches_it_none(
    make_api: Callable[..., Api],
    place: Place,
    ingestion_stack: RunningStack,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    quality = {"row_count_threshold": 30, "alerts_enabled": True, "alert_recipients": ["team@example.org"]}
    api = make_api(place.declaration(quality=quality))
    place.put_batches(0, count=29)
    run = api.run()
    (alert,) = api.of("GET", "/alerts")
    assert (alert["run_id"], alert["seen"], alert["threshold"]) == (run["id"], 29, 30)
    assert alert["recipients"] == ["team@example.org"]
    assert run["id"] in alert["message"]
    assert "29" in alert["message"]
    assert "30" in alert["message"]
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path / 'ledger.db'}")
    _is_told_once(alert, ingestion_stack, monkeypatch)
    place.put_batches(1, count=30)
    api.run()
    assert api.of("GET", "/alerts") == [alert]
    api.of("PUT", "", 200, {"quality": {"alerts_enabled": False}})
    api.run()  # finds nothing: below, and nobody wants to know
    assert api.of("GET", "/alerts") == [alert]


def _is_told_once(alert: dict[str, Any], stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert that the service keeps reaches a channel, once, however often the service is asked."""
    for name in ("INGESTION_API_URL", "INGESTION_API_TOKEN"):
        monkeypatch.setenv(name, stack.settings[name])
    raised = datetime.fromisoformat(alert["raised_at"])
    assert alert["id"] not in {a["id"] for a in stored_alerts(raised + timedelta(microseconds=1))}
    with receiving() as receiver:
        monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{receiver.url}/hook")
        pipeline = load_pipeline("ingestion")
        for _ in range(2):
            kept = [a for a in stored_alerts_of(pipeline, raised) if a["run_id"] == alert["run_id"]]
            send_alerts(pipeline, (), lambda line: None, events=kept)
        (told,) = [d for d in receiver.of("/hook") if d["run_id"] == alert["run_id"]]
    assert told["event"]["recipients"] == ["team@example.org"]
    assert told["items"][0]["message"] == alert["message"]


def test_a_backfill_loads_what_was_modified_since(
    make_api: Callable[..., Api], place: Place, ingestion_stack: RunningStack
) -> None:
    place.put_batches(0, count=10)
    listed = place.client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"][0]["LastModified"]
    later = listed + timedelta(seconds=1)
    late = {"backfill": {"enabled": True, "start_date": later.isoformat()}}
    api = make_api(place.declaration(schedule=late))
    run = api.run()
    assert (run["metrics"]["files_discovered"], run["metrics"]["files_processed"]) == (0, 0)
    api.of("PUT", "", 200, {"schedule": {"backfill": {"enabled": True, "start_date": listed.isoformat()}}})
    assert api.run()["metrics"]["records_ingested"] == 10
    with metadata(ingestion_stack.settings) as database, database.session() as session:
        told = sa.text("SELECT backfill_start_date FROM ingestions WHERE id = :id")
        assert session.execute(told, {"id": api.id}).scalar_one() == listed
