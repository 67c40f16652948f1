"""Measures about rows that each must have exactly one fate: kept in one stage, or put aside in others with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.selection import Kept, Named, Once, Selection


@dataclass(frozen=True)
class Fates(Measure):
    """What became of the rows ``of`` some stages; value: ``FateDifference``.

    Each must stand once in ``here`` or in one of ``others``. ``rule`` is a SQL expression over a row of ``of`` that
    gives the reason for which it must be put aside, NULL for one that must be kept; ``once`` which of equal rows are.
    ``show`` are values of the row that a finding tells beside its key.
    """

    of: tuple[Selection, ...]
    here: Selection
    others: tuple[Kept, ...] = ()
    rule: str | None = None
    once: Once | None = None
    show: Named = ()


@dataclass(frozen=True)
class Fate:
    """One row: its ``key``, what is ``shown`` beside it, where it ``stands`` (stage, or stage and reason)."""

    key: Mapping[str, Any]
    stands: tuple[str, ...] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    due: str | None = None
    seen: str | None = None


@dataclass(frozen=True)
class FateDifference:
    """Value of ``Fates``.

    ``rows`` are those that must have a fate; ``kept`` stand in the stage, ``aside`` in others, by reason. ``missing``
    have no fate, ``repeated`` more than one, ``unexpected`` are fates of no row, ``misjudged`` have another than they
    must (``due`` and ``seen`` are reasons, None for a row that is kept). ``open`` counts rows of the cut that the
    stages do not cover yet, ``later`` rows behind the cut. ``unknown`` counts fates of rows that have expired.
    """

    rows: int
    kept: int = 0
    aside: Mapping[str, int] = field(default_factory=dict)
    missing_total: int = 0
    missing: tuple[Fate, ...] = ()
    repeated_total: int = 0
    repeated: tuple[Fate, ...] = ()
    unexpected_total: int = 0
    unexpected: tuple[Fate, ...] = ()
    misjudged_total: int = 0
    misjudged: tuple[Fate, ...] = ()
    open: int = 0
    later: int = 0
    unknown: int = 0
