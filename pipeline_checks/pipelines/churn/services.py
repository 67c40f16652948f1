"""What the pipeline ``churn`` runs on: Kafka, and its own preparation and consumer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache

from pipeline_checks.stack.probes import probe_ready
from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.kafka import kafka

_PACKAGE = "pipeline_checks.pipelines.churn"
CONSUMER = "churn_consumer"
_INSTANCE = "0"
"""A consumer started anew under it takes over at once what a killed one held."""


@cache
def services() -> list[Service]:
    """Return the services of the pipeline."""
    return [kafka(), _prepare(), _consumer()]


def _prepare() -> Service:
    def settings(placement: Placement) -> Settings:
        folder = placement.folder
        return {
            "CHURN_DATASET_PATH": placement.chosen_place("CHURN_DATASET_PATH", folder / "customers.csv"),
            "CHURN_MODEL_PATH": placement.chosen_place(
                "CHURN_MODEL_PATH", folder / "model" / "sklearn_pipeline.joblib"
            ),
        }

    return Service(
        name="churn_prepare",
        command=lambda placement: (sys.executable, "-m", f"{_PACKAGE}.prepare"),
        depends_on=("kafka",),
        needs=("CHURN_DATASET_PATH", "CHURN_MODEL_PATH"),
        settings=settings,
        once=True,
        ready_seconds=120,
    )


def _consumer() -> Service:
    def settings(placement: Placement) -> Settings:
        return {"CHURN_CONSUMER_METRICS_URL": placement.url(CONSUMER)}

    return Service(
        name=CONSUMER,
        command=_consumer_command,
        depends_on=("kafka", "churn_prepare"),
        ports=(CONSUMER,),
        needs=("CHURN_CONSUMER_METRICS_URL",),
        settings=settings,
        probe=lambda settings: probe_ready("the consumer", settings["CHURN_CONSUMER_METRICS_URL"]),
        ready_seconds=60,
        stop_seconds=10,
    )


def _consumer_command(placement: Placement) -> Sequence[str]:
    options = {
        "--broker": placement.settings["KAFKA_BOOTSTRAP_SERVERS"],
        "--model-path": placement.settings["CHURN_MODEL_PATH"],
        "--metrics-port": str(placement.ports[CONSUMER]),
        "--instance": _INSTANCE,
        "--metrics-interval": "1000",
        "--log-dir": str(placement.folder / "logs"),
    }
    return (sys.executable, "-m", f"{_PACKAGE}.flow.consumer", *(word for pair in options.items() for word in pair))
