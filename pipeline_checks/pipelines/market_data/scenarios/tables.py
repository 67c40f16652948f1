"""Damages of the table behind the writer's back; what the API serves of it is damaged with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults import row_damage as rows
from pipeline_checks.faults.expectation import ANY_CHECK, GOOD, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.lake_faults import RowFault
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.market_data.scenarios.words import (
    API,
    TABLE,
    broken,
    by_symbol,
    counted,
    doubled,
    foreign,
    gaps,
    ranges,
    reconciled,
    unbalanced,
)

Findings = Callable[[Injury], Iterable[ExpectedFinding]]
_SIDES = {"BUY": "SELL", "SELL": "BUY"}

SIDE_TURNED = RowFault(
    "side_turned",
    "The side of a trade is turned",
    rows.changed(lambda side: _SIDES.get(side, side), "string", column="side"),
    "instead",
)
SATOSHI_OFF = RowFault(
    "satoshi_off",
    "A quantity is changed in its eighth decimal",
    rows.changed(lambda value: value + type(value)("0.00000001"), "decimal", column="quantity"),
    "instead",
)
HOUR_LATE = RowFault(
    "hour_late", "The time of a trade is an hour later", rows.changed(rows.hour_later, column="timestamp"), "instead"
)


def tables() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _of_table(faults.LOST_ROWS, lambda i: [*counted("missing", i), *_lost(i), *foreign(i)])
    yield _of_table(faults.LOST_IN_BATCH, lambda i: [*counted("missing", i), *_lost(i)])
    yield _of_table(faults.LOST_STRETCH, lambda i: [*ranges(i), *_lost(i)])
    yield _of_table(faults.DOUBLED_ROWS, lambda i: [*doubled(i), *foreign(i), *unbalanced("unexpected")])
    yield _of_table(faults.UNKNOWN_ROW, _unknown)
    yield _of_table(faults.CENT_OFF, lambda i: [*reconciled(i), *foreign(i)])
    yield _of_table(SATOSHI_OFF, lambda i: [*reconciled(i), *foreign(i)])
    yield _of_table(SIDE_TURNED, lambda i: [*reconciled(i), *foreign(i), *broken(i, "side_is_that_of_the_aggressor")])
    yield _of_table(HOUR_LATE, lambda i: [*reconciled(i), *foreign(i), *broken(i, "received_after_it_was_made")])
    yield _of_table(faults.REWRITTEN, foreign)
    nothing = {ANY_CHECK: frozenset({"UNSETTLED"}), "schema": GOOD, "freshness": GOOD, "exact_columns": GOOD}
    yield _of_table(faults.EMPTIED, lambda i: [*ranges(i), *foreign(i), *unbalanced("missing")], nothing)


def _lost(injury: Injury) -> Iterator[ExpectedFinding]:
    """What is said of lost rows besides that they are missing."""
    yield from gaps((TABLE, API), by_symbol(injury), TABLE)
    yield from unbalanced("missing")


def _unknown(injury: Injury) -> Iterator[ExpectedFinding]:
    """An invented trade lies far behind the others of its symbol, and bears another's trade id."""
    yield from counted("unexpected", injury)
    yield from broken(injury, "trade_id_is_of_the_sequence")
    yield from foreign(injury)
    yield from unbalanced("unexpected")
    ((symbol, (number,)),) = by_symbol(injury).items()
    key = {"symbol": symbol, "first": number - 1_000_000 + 1, "last": number - 1}
    for stage in (TABLE, API):
        yield finding(stage, "sequence", "gap", blamed=TABLE, detail="large", key=key)


def _of_table(fault: Fault, findings: Findings, verdicts: Mapping[str, frozenset[str]] | None = None) -> Scenario:
    allowed = {(stage, check): which for check, which in (verdicts or {}).items() for stage in (TABLE, API)}
    return Scenario(
        name=f"{fault.name}__{TABLE}",
        description=f"{fault.description}: {TABLE}",
        fault=fault,
        target=TABLE,
        area=(TABLE, API),
        expects=lambda injury: Expectation(tuple(findings(injury)), allowed),
    )
