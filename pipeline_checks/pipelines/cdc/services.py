"""What the pipeline ``cdc`` runs on: the shared services, and its own preparation, mover and API."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from pipeline_checks.model.errors import TransientError
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_json
from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.connect import connect
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.services.postgres import databases, postgres

_FLOW = "pipeline_checks.pipelines.cdc.flow"


@cache
def services() -> list[Service]:
    """Return the services of the pipeline."""
    own = databases(
        "cdc",
        {
            "CDC_POSTGRES_URL": ("postgresql", "cdcdb"),
            # never in the captured database: its changes would be captured with the rows it describes
            "ICEBERG_CATALOG_URL": ("postgresql+psycopg", "iceberg"),
        },
    )
    return [postgres(), kafka(), connect(), own, _prepare(), _mover(), _api()]


def _prepare() -> Service:
    return Service(
        name="cdc_prepare",
        command=lambda placement: (sys.executable, "-m", f"{_FLOW}.prepare"),
        depends_on=("postgres", "kafka", "connect", "cdc_databases"),
        once=True,
        ready_seconds=120,
    )


def _mover() -> Service:
    return Service(
        name="cdc_mover",
        command=lambda placement: (sys.executable, "-m", f"{_FLOW}.mover"),
        # Its Spark starts beside the services; the mover itself waits for the topics.
        follows=("postgres", "kafka"),
        ports=("cdc_mover",),
        needs=("CDC_MOVER_URL",),
        settings=_mover_settings,
        probe=lambda settings: _probe("the mover", settings["CDC_MOVER_URL"]),
        jars=("spark",),
        ready_seconds=180,
        stop_seconds=30,
    )


def _mover_settings(placement: Placement) -> Settings:
    port, home = placement.ports["cdc_mover"], placement.home.path
    return {
        "CDC_MOVER_PORT": str(port),
        "CDC_MOVER_URL": f"http://{ADDRESS}:{port}",
        "DELTA_TABLE_PATH": _place(placement, "DELTA_TABLE_PATH", str(home / "lake" / "delta")),
        "ICEBERG_WAREHOUSE": _place(placement, "ICEBERG_WAREHOUSE", (home / "lake" / "iceberg").as_uri()),
        "CHECKPOINT_LOCATION": _place(placement, "CHECKPOINT_LOCATION", str(home / "checkpoints" / "cdc")),
    }


def _place(placement: Placement, name: str, default: str) -> str:
    """Return a place that the user may choose; a path is made absolute, as every process has a folder of its own."""
    chosen = placement.chosen(name, default)
    return chosen if "://" in chosen else str(Path(chosen).absolute())


def _api() -> Service:
    def settings(placement: Placement) -> Settings:
        port = placement.ports["cdc_api"]
        return {"CDC_API_PORT": str(port), "CDC_API_URL": f"http://{ADDRESS}:{port}"}

    return Service(
        name="cdc_api",
        command=lambda placement: (sys.executable, "-m", f"{_FLOW}.api"),
        follows=("cdc_mover",),  # it waits for the tables by itself
        ports=("cdc_api",),
        needs=("CDC_API_URL",),
        settings=settings,
        probe=lambda settings: _probe("the API", settings["CDC_API_URL"]),
        ready_seconds=180,
        stop_seconds=10,
    )


def _probe(name: str, url: str) -> None:
    health: Any = probe_json(name, url, "/health")
    if isinstance(health, dict) and not health.get("ready", True):
        raise TransientError(f"{name} is not ready: {health.get('message') or health}", next_step="Look at its log.")
