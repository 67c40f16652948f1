"""Programs and services that stop: what cannot be looked at is not passed, and who is late is named with its age."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import ANY_CHECK, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.market_data.scenarios.exchange import trade
from pipeline_checks.pipelines.market_data.scenarios.words import API, FEED, LETTERS, STAGES, TABLE, TOPIC, WRITER

UNSETTLED = frozenset({"UNSETTLED"})
ERROR = frozenset({"ERROR"})
NOT_PROVED = UNSETTLED | ERROR
SHORT = 3.0
LATE = 13.0
"""Longer than a table may be behind its topic."""


def services() -> Iterator[Scenario]:
    """Yield the scenarios."""
    stalled = tuple(finding(s, c, "stalled", detail="behind") for s, c in ((TABLE, "freshness"), (WRITER, "lag")))
    behind = {s: UNSETTLED for s in (WRITER, TABLE, API)}
    yield _of_service(faults.CRASHED, "market_writer", behind, stalled, LATE, trade)
    yield _of_service(faults.FROZEN, "market_api", {API: ERROR})
    yield _of_service(faults.CRASHED, "market_exchange", {s: ERROR for s in STAGES})
    yield _of_service(faults.CRASHED, "market_registry", {s: ERROR for s in (TOPIC, LETTERS, WRITER, TABLE, API)})
    yield _of_service(faults.FROZEN, "kafka", {s: NOT_PROVED for s in (TOPIC, LETTERS, WRITER, TABLE, API)})


def _of_service(
    fault: Fault,
    service: str,
    verdicts: Mapping[str, frozenset[str]],
    findings: tuple[ExpectedFinding, ...] = (),
    deadline: float = SHORT,
    then: Callable[[], None] | None = None,
) -> Scenario:
    allowed = {(stage, ANY_CHECK): which for stage, which in verdicts.items()}
    allowed[FEED, "freshness"] = frozenset({"PASS", "UNSETTLED", "ERROR"})
    return Scenario(
        name=f"{fault.name}__{service}",
        description=f"{fault.description}: {service}",
        fault=fault,
        target=service,
        area=STAGES,
        expects=lambda injury: Expectation(findings, allowed),
        alone=True,
        then=then,
        deadline=deadline,
    )
