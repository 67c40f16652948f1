"""The error scenarios as scenarios: what the checks may say while a fault is there, and that all is well behind it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.faults.expectation import ANY_CHECK, Expectation
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.sales.scenarios.errors.data import data
from pipeline_checks.pipelines.sales.scenarios.errors.model import ErrorFault, ErrorScenario
from pipeline_checks.pipelines.sales.scenarios.errors.network import network
from pipeline_checks.pipelines.sales.scenarios.errors.resources import resources
from pipeline_checks.pipelines.sales.scenarios.errors.services import services
from pipeline_checks.pipelines.sales.scenarios.words import FILES, QUARANTINE, SILVER

ROWS = 500
_ANYTHING_BUT_FINDINGS = frozenset({"PASS", "WARN", "UNSETTLED", "ERROR"})
_DEADLINE = 3.0
"""Seconds that the tables are waited for while the fault is there: they may be behind, and need not be looked at."""


def error_scenarios() -> list[ErrorScenario]:
    """Return the faults, in the order in which they are done."""
    return [*data(), *services(), *network(), *resources()]


def errors(rows: int = ROWS) -> Iterator[Scenario]:
    """Yield the scenarios: no line is told lost or doubled while the fault is there, and the ledger is exact behind it.

    ``rows`` are the lines that flow meanwhile.
    """
    stages = (QUARANTINE, SILVER)
    for one in error_scenarios():
        yield Scenario(
            name=one.name,
            description=one.description,
            fault=ErrorFault(one, rows),
            target=FILES,
            area=(FILES, *stages),
            expects=lambda injury: Expectation(
                verdicts={(stage, ANY_CHECK): _ANYTHING_BUT_FINDINGS for stage in stages}
            ),
            alone=True,
            deadline=_DEADLINE,
            stages=stages,
        )
