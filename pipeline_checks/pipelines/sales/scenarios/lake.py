"""Damages of the tables that the ETL writes, behind its back or in its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults import row_damage as rows
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.held import WhileHeld
from pipeline_checks.faults.lake_faults import RowFault
from pipeline_checks.faults.row_damage import Chosen, Scene
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.sales.scenarios.words import (
    DBT,
    LOADER,
    PLACES,
    QUARANTINE,
    SILVER,
    Findings,
    fates,
    foreign,
    of_keys,
    scenario,
    totals,
)

_OTHER_REASON = {"invalid_sales": "invalid_quantity"}


def placed(choose: Callable[[Scene], Chosen]) -> Callable[[Scene], Chosen]:
    """Return what chooses the same rows and tells the records that they are of."""

    def chosen(scene: Scene) -> Chosen:
        found = choose(scene)
        places = [{n: row[n] for n in ("source_partition", "source_offset")} for row in found.rows]
        return replace(found, facts={**found.facts, PLACES: places})

    return chosen


def _of(fault: RowFault) -> RowFault:
    return replace(fault, choose=placed(fault.choose))


_MONEY = RowFault(
    "cent_off",
    "The sales of a line are changed by 0.01",
    placed(rows.changed(rows.cent_more, column="sales")),
    "instead",
)
_REJUDGED = RowFault(
    "other_reason",
    "A line is put aside for another reason than it must",
    placed(rows.changed(lambda reason: _OTHER_REASON.get(reason, "invalid_sales"), column="rejection_reason")),
    "instead",
)


def lake() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _silver(_of(faults.LOST_ROWS), lambda i: [*fates("missing", i), *foreign(i)])
    yield _silver(_of(faults.LOST_IN_BATCH), lambda i: fates("missing", i))
    yield _silver(
        _of(faults.UNKNOWN_ROW), lambda i: [*fates("duplicate", i), *totals("unexpected", SILVER, *i.keys), *foreign(i)]
    )
    yield _silver(
        _MONEY, lambda i: [*of_keys("reconcile", "changed", i), *totals("changed", SILVER, *i.keys), *foreign(i)]
    )
    yield _silver(faults.CHANGED_CASE, lambda i: [*of_keys("reconcile", "changed", i), *foreign(i)])
    yield _silver(faults.REWRITTEN, foreign)
    yield _quarantine(_of(faults.LOST_ROWS), lambda i: [*fates("missing", i), *foreign(i)])
    yield _quarantine(_REJUDGED, lambda i: [*fates("changed", i), *foreign(i)])
    yield _quarantine(
        _of(faults.DOUBLED_ROWS),
        lambda i: [*of_keys("duplicates", "duplicate", i, "sink_rewrite"), *fates("duplicate", i), *foreign(i)],
    )


def _silver(fault: Fault, findings: Findings) -> Scenario:
    """The loader would bring the damage into the warehouse, and could not take it back: it stands still meanwhile."""
    held = WhileHeld(fault, (LOADER, DBT))
    return scenario(held, SILVER, findings, (QUARANTINE,), stages=(SILVER, QUARANTINE))


def _quarantine(fault: Fault, findings: Findings) -> Scenario:
    return scenario(fault, QUARANTINE, findings, (SILVER,))
