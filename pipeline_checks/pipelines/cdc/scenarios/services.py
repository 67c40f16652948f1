"""Faults of the connector and of services: what cannot be looked at is not passed, and nothing false is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import ANY_CHECK, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.topics import stages_of
from pipeline_checks.pipelines.cdc.scenarios.words import TABLES

Verdicts = Mapping[tuple[str, str], frozenset[str]]
UNSETTLED = frozenset({"UNSETTLED"})
ERROR = frozenset({"ERROR"})
NOT_PROVED = UNSETTLED | ERROR
DEADLINE = 3.0
TABLE = "customers"
"""The table that is written to while a service is away, and whose stages are looked at then."""
_NEVER_A_VERDICT = frozenset({"PASS", "WARN", *NOT_PROVED})


def connectors() -> Iterator[Scenario]:
    """Yield the scenarios of the connector."""
    yield _of_connector(faults.SECOND_SLOT, lambda i: [_continuity("unexpected", "second_slot")])
    yield _of_connector(faults.RECONFIGURED, lambda i: [_continuity("unexpected", f"config:{i.facts['setting']}")])
    yield Scenario(
        name="unpublished__pg_products",
        description=f"{faults.UNPUBLISHED.description}: pg_products",
        fault=faults.UNPUBLISHED,
        target="pg_products",
        area=("pg_products", "connector"),
        expects=lambda injury: Expectation((_continuity("missing", "publication_table"),)),
    )
    behind = {(stage, ANY_CHECK): UNSETTLED for stage in (*_behind_the_connector(), "delta_quarantine")}
    behind[("connector", "transactions")] = UNSETTLED
    paused = [_continuity("stalled", "connector_state"), _continuity("stalled", "task_state")]
    yield _halted(faults.CONNECTOR_PAUSED, lambda i: paused, behind)
    stopped = [_continuity("stalled", d) for d in ("connector_state", "too_few_tasks", "slot_inactive")]
    yield _halted(faults.CONNECTOR_STOPPED, lambda i: stopped, behind)


def services() -> Iterator[Scenario]:
    """Yield the scenarios of services."""
    table = stages_of(TABLE)
    _, topic, *lakes = table
    for fault in (faults.FROZEN, faults.CRASHED):
        yield _of_service(fault, "cdc_mover", {s: UNSETTLED for s in lakes}, then=_write)
        yield _of_service(fault, "cdc_api", {"api_customers": ERROR})
        yield _of_service(fault, "connect", {s: NOT_PROVED for s in ("connector", topic, *lakes)})
        yield _of_service(fault, "kafka", {s: NOT_PROVED for s in ("connector", topic, *lakes)})
        yield _of_service(fault, "postgres", {s: ERROR for s in ("connector", *table)})
    cut = _of_service(faults.CONNECTIONS_CUT, "postgres", {s: _NEVER_A_VERDICT for s in ("connector", *table)})
    yield replace(cut, deadline=None)


def _write() -> None:
    """Write rows, so that there is something to be moved."""
    from pipeline_checks.pipelines.cdc.seed.source import open_source

    with open_source(autocommit=True) as source:
        source.execute(
            "UPDATE customers SET phone = phone WHERE customer_id IN (SELECT min(customer_id) FROM customers)"
        )


def _behind_the_connector() -> tuple[str, ...]:
    return tuple(s for table in TABLES for s in stages_of(table)[1:])


def _continuity(kind: str, detail: str) -> ExpectedFinding:
    return finding("connector", "continuity", kind, detail=detail)  # type: ignore[arg-type]


def _of_connector(fault: Fault, findings: Callable[[Injury], Iterable[ExpectedFinding]]) -> Scenario:
    return Scenario(
        name=f"{fault.name}__connector",
        description=f"{fault.description}: connector",
        fault=fault,
        target="connector",
        area=("connector",),
        expects=lambda injury: Expectation(tuple(findings(injury))),
    )


def _halted(fault: Fault, findings: Callable[[Injury], Iterable[ExpectedFinding]], verdicts: Verdicts) -> Scenario:
    return replace(
        _of_connector(fault, findings),
        area=("connector", *_behind_the_connector(), "delta_quarantine"),
        expects=lambda injury: Expectation(tuple(findings(injury)), verdicts),
        alone=True,
        deadline=DEADLINE,
    )


def _of_service(
    fault: Fault, service: str, verdicts: Mapping[str, frozenset[str]], then: Callable[[], None] | None = None
) -> Scenario:
    allowed = {(stage, ANY_CHECK): which for stage, which in verdicts.items()}
    looked_at = ("connector", *stages_of(TABLE))
    return Scenario(
        name=f"{fault.name}__{service}",
        description=f"{fault.description}: {service}",
        fault=fault,
        target=service,
        area=looked_at,
        expects=lambda injury: Expectation((), allowed),
        alone=True,
        then=then,
        deadline=DEADLINE,
        stages=looked_at,
    )
