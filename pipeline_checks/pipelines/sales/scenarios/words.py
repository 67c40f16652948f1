"""The words in which the expectations of this pipeline are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.finding import FindingKind

FILES, LINES, EVENTS = "csv_files", "topic_sales_lines", "topic_sales_events"
SILVER, QUARANTINE = "sales_silver", "sales_quarantine"
RAW, FACT, DAILY, CUSTOMERS, EXCLUSIONS = (
    "raw_sales_batch",
    "fact_sales",
    "fact_sales_daily",
    "dim_customer",
    "exclusions",
)
ETL, LOADER, DBT = "sales_etl", "sales_loader", "sales_dbt"
Findings = Callable[[Injury], Iterable[ExpectedFinding]]
PLACES: Final = "places"
"""The fact with the partition and offset of each damaged row."""


def foreign(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the commits that were made behind the ETL's back."""
    for _ in injury.facts["commits"]:
        yield finding(injury.target, "continuity", "unexpected", detail="foreign_writer")


def fates(kind: FindingKind, injury: Injury, stage: str = SILVER) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``fates`` for each record whose rows were damaged."""
    for place in injury.facts[PLACES]:
        yield finding(stage, "fates", kind, detail="fate", key=place)


def totals(kind: FindingKind, stage: str, *keys: Mapping[str, Any]) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``totals`` for each row or group."""
    for key in keys:
        yield finding(stage, "totals", kind, detail="totals", key=key)


def of_keys(check: str, kind: FindingKind, injury: Injury, detail: str | None = None) -> Iterator[ExpectedFinding]:
    """Yield a finding of a check for each key."""
    for key in injury.keys:
        yield finding(injury.target, check, kind, detail=detail, key=key)


def position(row: Mapping[str, Any]) -> str:
    """Return how the marts name a line."""
    return f"{row['source_file']}:{row['source_row_number']}"


def scenario(
    fault: Fault, stage: str, findings: Findings, area: tuple[str, ...] = (), stages: tuple[str, ...] | None = None
) -> Scenario:
    """Return the scenario of a fault at a stage; with ``stages`` it is alone, and only these are verified."""
    return Scenario(
        name=f"{fault.name}__{stage}",
        description=f"{fault.description}: {stage}",
        fault=fault,
        target=stage,
        area=(stage, *area),
        expects=lambda injury: Expectation(tuple(findings(injury))),
        alone=stages is not None,
        stages=stages,
    )
