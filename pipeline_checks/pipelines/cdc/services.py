"""What the pipeline ``cdc`` runs on: the shared services, and its own preparation, mover and API."""

from __future__ import annotations

import sys
from functools import cache

from pipeline_checks.stack.probes import probe_ready
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
        probe=lambda settings: probe_ready("the mover", settings["CDC_MOVER_URL"]),
        jars=("spark",),
        ready_seconds=180,
        stop_seconds=30,
    )


def _mover_settings(placement: Placement) -> Settings:
    port, home = placement.ports["cdc_mover"], placement.home.path
    return {
        "CDC_MOVER_PORT": str(port),
        "CDC_MOVER_URL": placement.url("cdc_mover"),
        "DELTA_TABLE_PATH": placement.chosen_place("DELTA_TABLE_PATH", home / "lake" / "delta"),
        "ICEBERG_WAREHOUSE": placement.chosen_uri("ICEBERG_WAREHOUSE", home / "lake" / "iceberg"),
        "CHECKPOINT_LOCATION": placement.chosen_place("CHECKPOINT_LOCATION", home / "checkpoints" / "cdc"),
    }


def _api() -> Service:
    def settings(placement: Placement) -> Settings:
        port = placement.ports["cdc_api"]
        return {"CDC_API_PORT": str(port), "CDC_API_URL": placement.url("cdc_api")}

    return Service(
        name="cdc_api",
        command=lambda placement: (sys.executable, "-m", f"{_FLOW}.api"),
        follows=("cdc_mover",),  # it waits for the tables by itself
        ports=("cdc_api",),
        needs=("CDC_API_URL",),
        settings=settings,
        probe=lambda settings: probe_ready("the API", settings["CDC_API_URL"]),
        ready_seconds=180,
        stop_seconds=10,
    )
