"""Measures of sums that must be the same in two stages, group by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.selection import Named


class TotalsPromise(BaseModel):
    """How a stage's rows are added up, and the totals of which other stage they must be.

    ``by`` are the groups and ``sum`` what is added up, names with SQL expressions over one row; rows are counted too,
    unless ``count`` gives the number that a row stands for. ``key`` names a row, so that the one that differs is
    found; a stage of sums has none. ``against`` is the stage that must have the same totals, added up as its own
    ``totals`` promise, or as ``there`` says; with ``kept`` only those of its rows count whose key stands here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Named = Field(min_length=1)
    sum: Named = ()
    count: str = "1"
    key: Named = ()
    where: str | None = None
    against: str | None = None
    kept: bool = False
    there: TotalsPromise | None = None


@dataclass(frozen=True)
class Totals(Measure):
    """The totals of the stage against those of another; value: ``TotalsDifference``."""

    promise: TotalsPromise


@dataclass(frozen=True)
class OtherTotal:
    """A group, or a row of it, that is not the same in both stages.

    ``key`` is the row's, None where only the group is known. ``expected`` and ``seen`` are the values that differ;
    ``expected`` is None for a row that the other stage does not have, ``seen`` for one that this one does not.
    """

    group: Mapping[str, Any]
    key: Mapping[str, Any] | None
    expected: Mapping[str, Any] | None
    seen: Mapping[str, Any] | None


@dataclass(frozen=True)
class TotalsDifference:
    """Value of ``Totals``: the groups and rows added up, those that differ, and the sums over everything."""

    groups: int
    rows: int
    against: str | None
    differing_total: int = 0
    differing: tuple[OtherTotal, ...] = ()
    whole: Mapping[str, Any] = field(default_factory=dict)
