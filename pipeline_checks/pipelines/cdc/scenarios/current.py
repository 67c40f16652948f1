"""Damages of the current tables in both lakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipeline_checks.faults import catalogue
from pipeline_checks.faults.expectation import Expectation, ExpectedFinding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.words import foreign, missing, served_by

Findings = Callable[[Injury], Iterable[ExpectedFinding]]


def current_tables() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _scenario(catalogue.LOST_ROWS, "delta_orders", lambda i: [*missing(i), *foreign(i)])


def _scenario(fault: Fault, stage: str, findings: Findings) -> Scenario:
    return Scenario(
        name=f"{fault.name}__{stage}",
        description=fault.description,
        fault=fault,
        target=stage,
        area=(stage, *served_by(stage)),
        expects=lambda injury: Expectation(tuple(findings(injury))),
    )
