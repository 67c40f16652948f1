"""Damages of the current tables in both lakes. Each stands on tables where no other promise is broken beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import ANY_CHECK, GOOD, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.words import (
    against_rule,
    counted,
    dangling,
    doubled,
    drift,
    foreign,
    ranges,
    reconciled,
    served_by,
)

Findings = Callable[[Injury], Iterable[ExpectedFinding]]
Verdicts = Mapping[str, frozenset[str]]
_NOTHING_SEEN = frozenset({"UNSETTLED"})


def current_tables() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield from _rows()
    yield from _values()
    yield from _columns()


def _rows() -> Iterator[Scenario]:
    for stage in ("delta_order_items", "iceberg_schema_evolution_test"):
        yield scenario(faults.LOST_ROWS, stage, lambda i: [*counted("missing", i), *foreign(i)])
    for stage, referring in (("delta_orders", "order_items"), ("iceberg_customers", "orders")):
        yield _of_referenced(stage, referring)
    for stage in ("delta_inventory", "iceberg_inventory"):
        yield scenario(faults.LOST_IN_BATCH, stage, lambda i: counted("missing", i))
    for stage in ("delta_schema_evolution_test", "iceberg_order_items"):
        yield scenario(faults.LOST_STRETCH, stage, ranges)
    for stage in ("delta_inventory", "iceberg_inventory"):
        # Of no row nothing is proved but the columns of the table, and that it is up to date.
        nothing = {ANY_CHECK: _NOTHING_SEEN, "schema": GOOD, "freshness": GOOD}
        yield scenario(faults.EMPTIED, stage, lambda i: [*ranges(i), *foreign(i)], nothing)
    for stage in ("delta_order_items", "iceberg_orders", "delta_customers"):
        yield scenario(faults.DOUBLED_ROWS, stage, lambda i: [*doubled(i), *foreign(i)])
    for stage in ("delta_schema_evolution_test", "iceberg_schema_evolution_test"):
        yield scenario(faults.STALE_ROW, stage, lambda i: [*reconciled("stale", i), *foreign(i)])
    for stage in ("delta_inventory", "iceberg_inventory"):
        yield scenario(faults.RESURRECTED_ROW, stage, lambda i: [*counted("resurrected", i), *foreign(i)])
    for stage in ("delta_orders", "iceberg_inventory"):
        yield scenario(faults.UNKNOWN_ROW, stage, lambda i: [*counted("unexpected", i), *foreign(i)])
    for stage in ("delta_products", "iceberg_products"):
        yield scenario(faults.REWRITTEN, stage, foreign)


def _of_referenced(stage: str, referring: str) -> Scenario:
    """Rows are lost that rows of another table of the same lake refer to."""
    lake, _, table = stage.partition("_")
    other = f"{lake}_{referring}"

    def findings(injury: Injury) -> Iterator[ExpectedFinding]:
        yield from counted("missing", injury)
        yield from foreign(injury)
        yield from dangling(injury, table, other, referring)

    return replace(scenario(faults.LOST_ROWS, stage, findings), area=(stage, *served_by(stage), other))


def _values() -> Iterator[Scenario]:
    for stage in ("delta_order_items", "iceberg_orders"):
        yield scenario(faults.CENT_OFF, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_products", "iceberg_order_items"):
        yield scenario(faults.TRUNCATED_AMOUNT, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_customers", "iceberg_customers"):
        yield scenario(faults.CHANGED_CASE, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_schema_evolution_test", "iceberg_schema_evolution_test"):
        yield scenario(faults.TRAILING_BLANK, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_products", "iceberg_products", "delta_customers"):
        yield scenario(
            faults.NULLED, stage, lambda i: [*reconciled("changed", i), *against_rule("nulls", "null", i), *foreign(i)]
        )
    for stage in ("delta_orders", "iceberg_inventory"):
        yield scenario(faults.HOUR_OFF, stage, lambda i: [*reconciled("changed", i), *foreign(i)])


def _columns() -> Iterator[Scenario]:
    for stage in ("delta_products", "iceberg_schema_evolution_test"):
        yield scenario(faults.DROPPED_COLUMN, stage, lambda i: [*drift("dropped", i), *foreign(i)])
    # Iceberg knows its columns by ids; a Delta table without them is written anew under other names.
    yield scenario(faults.RENAMED_COLUMN, "iceberg_products", lambda i: [*drift("renamed", i), *foreign(i)])
    yield scenario(
        faults.RENAMED_COLUMN,
        "delta_schema_evolution_test",
        lambda i: [*drift("dropped", i), *drift("added", i), *foreign(i)],
    )
    for stage in ("delta_order_items", "iceberg_order_items"):
        yield scenario(faults.RETYPED_COLUMN, stage, lambda i: [*drift("retyped", i), *foreign(i)])
    for stage in ("delta_inventory", "iceberg_customers"):
        yield scenario(faults.ADDED_COLUMN, stage, lambda i: [*drift("added", i), *foreign(i)])


def positions() -> Iterator[Scenario]:
    """Yield the scenarios of tables that say less than they hold: nothing else about them is proved then.

    They come last, when the changes that are no more covered are older than the lag that is allowed.
    """
    for stage in ("delta_products", "iceberg_products"):
        found = scenario(faults.COVERS_BACK, stage, _uncovered, {ANY_CHECK: _NOTHING_SEEN})
        yield replace(found, deadline=3.0)


def _uncovered(injury: Injury) -> Iterator[ExpectedFinding]:
    """The table holds what it does not cover: compared with what it must hold where it says it is."""
    stage, key = injury.target, injury.facts["key"]
    yield finding(stage, "continuity", "out_of_order", detail="covers_went_back")
    yield finding(stage, "freshness", "stalled", detail="behind")
    if injury.facts["op"] == "u":
        yield finding(stage, "reconcile", "changed", key=key)
    else:
        yield finding(stage, "counts", "missing" if injury.facts["op"] == "d" else "unexpected", key=key)


def scenario(fault: Fault, stage: str, findings: Findings, verdicts: Verdicts | None = None) -> Scenario:
    """Return the scenario of a fault at a stage of a lake; ``verdicts`` are allowed ones by check."""
    allowed = {(stage, check): which for check, which in (verdicts or {}).items()}
    if ANY_CHECK in (verdicts or {}):  # what is served of it is proved no more than the table itself
        allowed |= {(name, ANY_CHECK): allowed[stage, ANY_CHECK] for name in served_by(stage)}
    return Scenario(
        name=f"{fault.name}__{stage}",
        description=f"{fault.description}: {stage}",
        fault=fault,
        target=stage,
        area=(stage, *served_by(stage)),
        expects=lambda injury: Expectation(tuple(findings(injury)), allowed),
    )
