"""Stages whose rows nothing identifies: only their number can be set against that of the stage they are made from."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.measure import Measure


@dataclass(frozen=True)
class NumberComparison(Measure):
    """The number of rows of a stage without a key against what it must hold; value: ``NumberDifference``."""


@dataclass(frozen=True)
class NumberDifference:
    """How many rows there are, and how many there must be.

    ``expected_rows`` is None where that cannot be known, for ``reason``. ``against`` are the stages that tell it,
    ``first_wrong`` is the first stage that has another number than the one before it, None for the stage itself.
    """

    found: int
    expected_rows: int | None
    against: tuple[str, ...] = ()
    first_wrong: str | None = None
    reason: str = ""
