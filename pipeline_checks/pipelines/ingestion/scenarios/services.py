"""Programs and services that stop: what cannot be looked at is not passed, and what goes on is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import ANY_CHECK
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.ingestion.scenarios.words import METADATA, RUNS, STAGES, TABLE, VIEW, scenario
from pipeline_checks.pipelines.ingestion.service_client import IngestionClient

UNSETTLED = frozenset({"UNSETTLED"})
ERROR = frozenset({"ERROR"})
NOT_PROVED = UNSETTLED | ERROR
SHORT = 3.0


def services() -> Iterator[Scenario]:
    """Yield the scenarios."""
    waiting = {stage: UNSETTLED | {"WARN"} for stage in (METADATA, RUNS, TABLE, VIEW)}
    yield _of_service(faults.CRASHED, "ingestion_worker", waiting, _ask_for_a_run)
    yield _of_service(faults.CRASHED, "ingestion_api", {stage: ERROR for stage in (RUNS, VIEW)})
    yield _of_service(faults.FROZEN, "object_store", {stage: NOT_PROVED for stage in STAGES})
    yield _of_service(faults.CRASHED, "ingestion_spark", {VIEW: ERROR})


def _of_service(
    fault: Fault, service: str, verdicts: Mapping[str, frozenset[str]], then: Callable[[], None] | None = None
) -> Scenario:
    allowed = {(stage, ANY_CHECK): which for stage, which in verdicts.items()}
    return scenario(fault, service, lambda injury: (), allowed, then=then, deadline=SHORT)


def _ask_for_a_run() -> None:
    """Have a run begin that nobody works on: it is under way until somebody does."""
    with IngestionClient() as service:
        service.begin()
