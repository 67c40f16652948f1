"""The alerts that the ingestion service keeps: of runs that ingested fewer rows than their threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.ingestion.service_client import BASE, IngestionClient


def stored_alerts(since: datetime) -> list[Mapping[str, Any]]:
    """Return what was raised at ``since`` or later, of every ingestion, oldest first; none where no service is set up.

    Raises TransientError when the service does not answer, TerminalError when it refuses.
    """
    if not (setting("INGESTION_API_URL", "") and setting("INGESTION_API_TOKEN", "")):
        return []
    with IngestionClient() as client:
        found = [alert for alert in _all(client) if datetime.fromisoformat(alert["raised_at"]) >= since]
    return sorted(found, key=lambda alert: str(alert["raised_at"]))


def _all(client: IngestionClient) -> Iterator[dict[str, Any]]:
    for ingestion in client.ask("GET", BASE):
        for alert in client.ask("GET", f"{BASE}/{ingestion['id']}/alerts"):
            yield {**alert, "ingestion": ingestion["name"]}
