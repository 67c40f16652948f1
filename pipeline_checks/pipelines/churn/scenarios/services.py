"""Faults of services: what is not handled is not passed, a group without members is told, nothing false is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import ANY_CHECK, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.churn.scenarios.flowing import (
    DEAD_LETTERS,
    GROUP,
    PREDICTIONS,
    RAW,
    add_customers,
    wait_until_left,
)
from pipeline_checks.pipelines.churn.services import CONSUMER

_UNSETTLED = frozenset({"UNSETTLED"})
_NOT_PROVED = _UNSETTLED | {"ERROR"}
_DEADLINE = 3.0
_ROWS = 20


def services() -> Iterator[Scenario]:
    """Yield the scenarios."""
    waiting = {stage: _UNSETTLED for stage in (GROUP, PREDICTIONS, DEAD_LETTERS)}
    yield _scenario(faults.FROZEN, CONSUMER, waiting, then=_more)
    stalled = (
        finding(GROUP, "lag", "stalled", detail="behind"),
        finding(GROUP, "lag", "stalled", detail="members"),
    )
    yield _scenario(faults.CRASHED, CONSUMER, waiting, stalled, then=_more_and_gone)
    broken = {stage: _NOT_PROVED for stage in (RAW, GROUP, PREDICTIONS, DEAD_LETTERS)}
    yield _scenario(faults.FROZEN, "kafka", broken)


def _more() -> None:
    """Publish some customers that nobody reads."""
    add_customers(_ROWS)


def _more_and_gone() -> None:
    add_customers(_ROWS)
    wait_until_left()


def _scenario(
    fault: Fault,
    service: str,
    verdicts: Mapping[str, frozenset[str]],
    findings: tuple[ExpectedFinding, ...] = (),
    then: Callable[[], None] | None = None,
) -> Scenario:
    allowed = {(stage, ANY_CHECK): which for stage, which in verdicts.items()}
    return Scenario(
        name=f"{fault.name}__{service}",
        description=f"{fault.description}: {service}",
        fault=fault,
        target=service,
        area=(RAW, GROUP, PREDICTIONS, DEAD_LETTERS),
        expects=lambda injury: Expectation(findings, allowed),
        alone=True,
        then=then,
        deadline=_DEADLINE,
    )
