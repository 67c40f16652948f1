"""The words in which the expectations of this pipeline are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline_checks.faults.expectation import ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury

TABLES: Final = ("customers", "orders", "products", "order_items", "inventory", "schema_evolution_test")
SERVED: Final = ("customers", "orders")
"""The tables whose current rows in Delta the API serves."""


def served_by(stage: str) -> tuple[str, ...]:
    """Return the API's stage that serves the rows of a stage, where there is one."""
    return tuple(f"api_{t}" for t in SERVED if stage == f"delta_{t}")


def foreign(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the commits that were made behind the mover's back."""
    for _ in injury.facts["commits"]:
        yield finding(injury.target, "continuity", "unexpected", detail="foreign_writer")


def missing(injury: Injury, **more: Any) -> Iterator[ExpectedFinding]:
    """Yield a missing row for each key."""
    for key in injury.keys:
        yield finding(injury.target, "counts", "missing", key=key, **more)
