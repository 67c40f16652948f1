"""Measures of what is promised of rows beyond one column: expressions, distributions, references to other stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.measure import Measure, ViolationSample


@dataclass(frozen=True)
class BrokenExpression(Measure):
    """Rows for which a SQL expression over their columns is false (NULL keeps the promise); value: ``BrokenRows``.

    ``columns`` are those that it names, ``key`` those that name a row; at least one of the two must be given.
    """

    expression: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class BrokenRows:
    """Value of ``BrokenExpression``: how many rows were judged, and those that break the promise."""

    rows: int
    broken: ViolationSample


@dataclass(frozen=True)
class BinCounts(Measure):
    """How the values of a column fall into bins; value: ``BinnedValues``.

    Either ``edges``, rising: the bins are up to and with the first, between each two (with the upper one), and above
    the last; or ``categories``: a bin for each, and one for all other values.
    """

    column: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class BinnedValues:
    """Value of ``BinCounts``: a count a bin; ``without`` counts NULL and NaN, which fall into none."""

    counts: tuple[int, ...]
    without: int = 0


@dataclass(frozen=True)
class References(Measure):
    """Rows whose ``column`` refers to something that another stage does not hold; value: ``ReferenceDifference``.

    ``target`` is that stage; with ``by_source`` its source, and the stage meant is the one of the own stage's kind that
    is made from it. ``target_column`` is its key where None.
    """

    column: str
    target: str
    target_column: str | None = None
    by_source: bool = False


@dataclass(frozen=True)
class ReferenceDifference:
    """Value of ``References``: the rows that refer to something, and a sample (key, value) of those to nothing.

    ``first_stages`` has, for each of the sample, the first stage whose row refers to nothing there: the stage itself or
    one that it is made from. ``left_out`` counts rows about which nothing is said, since they or what they refer to
    were touched after the cut. ``against`` is ``stage.column``.
    """

    rows: int
    dangling_total: int
    dangling: tuple[tuple[Mapping[str, Any], Any], ...] = ()
    first_stages: tuple[str, ...] = ()
    left_out: int = 0
    against: str = ""
