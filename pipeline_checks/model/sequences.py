"""Measures of numbered rows: which numbers of a sequence are not there, and which stand out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.position import Position


@dataclass(frozen=True)
class SequenceState(Measure):
    """The numbers in ``number`` of each group of rows with equal ``by``; value: ``Sequences``."""

    by: tuple[str, ...]
    number: str


@dataclass(frozen=True)
class Gap:
    """Numbers that are missing behind each other, and are first missing at ``stage``.

    ``group`` are the columns of the group with its values; ``first`` and ``last`` are both missing.
    """

    group: Mapping[str, Any]
    first: int
    last: int
    stage: str

    @property
    def numbers(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Misplaced:
    """A row that stands behind one with a greater number of its group, and first does so at ``stage``."""

    key: Mapping[str, Any]
    after: int
    stage: str
    position: Position | None = None


@dataclass(frozen=True)
class Sequences:
    """Value of ``SequenceState``.

    ``rows`` were looked at in ``groups``; ``repeated`` have a number that one before them has. ``restarts`` are rows
    from which on a group is counted anew. ``missing_total`` counts numbers, ``gaps`` tells them. ``is_ordered`` says
    that the stage has an order to judge; ``promised`` that the feed says by a ledger what it has sent, so that a
    number that is missing is one that was lost or left out.
    """

    rows: int
    groups: int
    repeated: int = 0
    missing_total: int = 0
    gaps: tuple[Gap, ...] = ()
    misplaced_total: int = 0
    misplaced: tuple[Misplaced, ...] = ()
    restarts: tuple[Misplaced, ...] = ()
    is_ordered: bool = False
    promised: bool = True
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
