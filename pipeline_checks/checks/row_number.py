"""Findings about the number of rows where nothing identifies a row: lost or added ones, of which none can be named."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.judging import counted
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.keyless import NumberDifference


def number_findings(evidence: Evidence, number: NumberDifference | None) -> Iterator[Finding]:
    """Yield the finding where a stage has more or fewer rows than it must have."""
    if number is None or number.expected_rows is None or number.found == number.expected_rows:
        return
    name, against = evidence.stage.name, " and ".join(number.against)
    first = f", first at {number.first_wrong}" if number.first_wrong else ""
    yield Finding(
        "missing" if number.found < number.expected_rows else "unexpected",
        number.first_wrong or name,
        f"{name} has {counted(number.found, 'row')}, {number.expected_rows:,} expected by {against}{first}",
        position=evidence.position,
        detail="row_count",
        expected=number.expected_rows,
        seen=number.found,
        extra={"seen_at": name} if number.first_wrong else {},
    )


def number_doubts(number: NumberDifference) -> Iterator[str]:
    """Yield why it is not known how many rows there must be."""
    if number.expected_rows is None:
        yield f"nothing identifies its rows, and how many there must be is not known: {number.reason}"
