"""What the pipeline ``sales`` runs on: the shared services, and its own preparation, ETL, loader and dbt."""

from __future__ import annotations

import sys
from functools import cache

from pipeline_checks.stack.probes import probe_ready
from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.services.postgres import databases, postgres

_FLOW = "pipeline_checks.pipelines.sales.flow"


@cache
def services() -> list[Service]:
    """Return the services of the pipeline."""
    own = databases("sales", {"SALES_WAREHOUSE_URL": ("postgresql", "sales")})
    return [postgres(), kafka(), own, _prepare(), _etl(), _loader(), _dbt()]


def _program(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"{_FLOW}.{name}", *arguments)


def _prepare() -> Service:
    def settings(placement: Placement) -> Settings:
        home = placement.home.path
        return {
            "SALES_INPUT_PATH": placement.chosen_place("SALES_INPUT_PATH", placement.folder / "input"),
            "SALES_REFERENCE_PATH": placement.chosen_place("SALES_REFERENCE_PATH", placement.folder / "reference"),
            "SALES_DELTA_PATH": placement.chosen_place("SALES_DELTA_PATH", home / "lake" / "sales"),
            "SALES_CHECKPOINT_PATH": placement.chosen_place("SALES_CHECKPOINT_PATH", home / "checkpoints" / "sales"),
        }

    return Service(
        name="sales_prepare",
        command=lambda placement: _program("prepare"),
        depends_on=("kafka", "sales_databases"),
        needs=("SALES_INPUT_PATH", "SALES_REFERENCE_PATH", "SALES_DELTA_PATH"),
        settings=settings,
        once=True,
        ready_seconds=60,
    )


def _etl() -> Service:
    return Service(
        name="sales_etl",
        command=lambda placement: _program("etl", "--port", str(placement.ports["sales_etl"])),
        # Its Spark starts beside the services; the program itself waits for the topics.
        follows=("kafka", "sales_prepare"),
        ports=("sales_etl",),
        needs=("SALES_ETL_METRICS_URL",),
        settings=lambda placement: {"SALES_ETL_METRICS_URL": placement.url("sales_etl")},
        probe=lambda settings: probe_ready("the ETL", settings["SALES_ETL_METRICS_URL"]),
        jars=("spark",),
        ready_seconds=180,
        stop_seconds=30,
    )


def _loader() -> Service:
    return Service(
        name="sales_loader",
        command=lambda placement: _program("loader", "--port", str(placement.ports["sales_loader"])),
        depends_on=("sales_prepare",),
        ports=("sales_loader",),
        needs=("SALES_LOADER_METRICS_URL",),
        settings=lambda placement: {"SALES_LOADER_METRICS_URL": placement.url("sales_loader")},
        probe=lambda settings: probe_ready("the loader", settings["SALES_LOADER_METRICS_URL"]),
        stop_seconds=15,
    )


def _dbt() -> Service:
    def command(placement: Placement) -> tuple[str, ...]:
        return _program(
            "dbt_runner", "--port", str(placement.ports["sales_dbt"]), "--folder", str(placement.folder / "dbt")
        )

    return Service(
        name="sales_dbt",
        command=command,
        depends_on=("sales_prepare",),
        ports=("sales_dbt",),
        needs=("SALES_DBT_METRICS_URL",),
        settings=lambda placement: {"SALES_DBT_METRICS_URL": placement.url("sales_dbt")},
        probe=lambda settings: probe_ready("dbt", settings["SALES_DBT_METRICS_URL"]),
        # A run that is going on is brought to its end.
        stop_seconds=30,
    )
