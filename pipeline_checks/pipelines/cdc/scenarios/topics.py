"""Damages of topics and sources: what a topic has wrong, both lakes have wrong behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.words import SERVED

Findings = Callable[[str, Injury], Iterable[ExpectedFinding]]


def topics() -> Iterator[Scenario]:
    """Yield the scenarios of topics. Those of orders and products stay as they are: other scenarios need their past."""
    yield _of_topic(faults.MALFORMED_RECORD, "schema_evolution_test", _malformed)
    yield _of_topic(faults.REPLAYED_EVENT, "customers", _replayed)
    yield _of_topic(faults.REPLAYED_EARLIER_EVENT, "customers", _replayed)
    yield _of_topic(faults.FORGED_UPDATE, "schema_evolution_test", _forged("reconcile", "changed"))
    yield _of_topic(faults.FORGED_CREATE, "inventory", _forged("counts", "unexpected"))
    yield _of_topic(faults.FORGED_DELETE, "order_items", _forged("counts", "missing"))
    yield _of_topic(faults.TOMBSTONE, "order_items", _tombstone)
    yield _of_topic(faults.EXPIRED_RECORDS, "customers", lambda t, i: (), unknown=True)


def sources() -> Iterator[Scenario]:
    """Yield the scenarios of sources."""
    yield _of_source(faults.UNSEEN_INSERT, "inventory", _unseen_insert)
    yield _of_source(
        faults.UNSEEN_UPDATE, "schema_evolution_test", lambda t, i: _passed_on(t, i, "reconcile", "changed")
    )
    yield _of_source(faults.UNSEEN_DELETE, "order_items", lambda t, i: _passed_on(t, i, "counts", "unexpected"))


def _malformed(table: str, injury: Injury) -> Iterator[ExpectedFinding]:
    place = {"partition": injury.facts["partition"], "offset": injury.facts["offset"]}
    yield finding(f"topic_{table}", "counts", "unexpected", detail="malformed", key=place)


def _tombstone(table: str, injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(f"topic_{table}", "ordering", "out_of_order", detail="tombstone", key=injury.keys[0])


def _replayed(table: str, injury: Injury) -> Iterator[ExpectedFinding]:
    yield finding(f"topic_{table}", "duplicates", "duplicate", detail="replayed", key=injury.keys[0])


def _passed_on(table: str, injury: Injury, check: str, kind: Any) -> Iterator[ExpectedFinding]:
    """Yield what is wrong in the topic, and in the tables that follow it."""
    for stage in (f"topic_{table}", f"delta_{table}", f"iceberg_{table}"):
        for key in injury.keys:
            yield finding(stage, check, kind, blamed=f"topic_{table}", key=key)


def _forged(check: str, kind: Any) -> Findings:
    """The event is one too many in the transaction that it claims to be of."""

    def findings(table: str, injury: Injury) -> Iterator[ExpectedFinding]:
        yield from _passed_on(table, injury, check, kind)
        topic = f"topic_{table}"
        yield finding("connector", "transactions", "torn_transaction", blamed=topic, detail="event_count")

    return findings


def _unseen_insert(table: str, injury: Injury) -> Iterator[ExpectedFinding]:
    """A topic that has lost records to retention may have had these rows: then only the tables lack them for sure."""
    if injury.facts["whole"]:
        yield from _passed_on(table, injury, "counts", "missing")
        return
    for stage in (f"delta_{table}", f"iceberg_{table}"):
        for key in injury.keys:
            yield finding(stage, "counts", "missing", key=key)


def _of_topic(fault: Fault, table: str, findings: Findings, *, unknown: bool = False) -> Scenario:
    return _scenario(fault, f"topic_{table}", table, findings, unknown)


def _of_source(fault: Fault, table: str, findings: Findings) -> Scenario:
    return _scenario(fault, f"pg_{table}", table, findings, False)


def _scenario(fault: Fault, target: str, table: str, findings: Findings, unknown: bool) -> Scenario:
    verdicts = {(f"topic_{table}", "counts"): frozenset({"WARN"})} if unknown else {}
    return Scenario(
        name=f"{fault.name}__{target}",
        description=f"{fault.description}: {target}",
        fault=fault,
        target=target,
        area=stages_of(table),
        expects=lambda injury: Expectation(tuple(findings(table, injury)), verdicts),
    )


def stages_of(table: str) -> tuple[str, ...]:
    """Return every stage of a table."""
    lakes = tuple(f"{lake}_{table}{kind}" for lake in ("delta", "iceberg") for kind in ("", "_changes"))
    return (f"pg_{table}", f"topic_{table}", *lakes, *((f"api_{table}",) if table in SERVED else ()))
