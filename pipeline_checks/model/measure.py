"""Measures: one value read from a stage at a position. Equal measures are the same measure and are read once.

The algebra is closed: every engine compiles exactly the predicates and row measures of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

Scalar = bool | int | float | Decimal | str | datetime
"""A literal in a predicate."""

KEY_SAMPLE = 50
"""How many keys or groups a measure names at most."""


class Grade(StrEnum):
    """How far a value can be trusted. Only ``exact`` may serve an equality."""

    EXACT = "exact"
    BOUND = "bound"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Predicate:
    """A condition over one row that a row breaks its promise with."""


@dataclass(frozen=True)
class IsNull(Predicate):
    """The column is NULL. NaN is a value, not NULL."""

    column: str


@dataclass(frozen=True)
class Below(Predicate):
    """The column is less than ``limit``. NULL and NaN are not."""

    column: str
    limit: Scalar


@dataclass(frozen=True)
class Above(Predicate):
    """The column is greater than ``limit``. NULL is not; NaN is greater than every number."""

    column: str
    limit: Scalar


@dataclass(frozen=True)
class NotIn(Predicate):
    """The column is not NULL and not one of ``values``."""

    column: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class NotMatching(Predicate):
    """The text column is not NULL and does not match ``pattern`` as a whole (RE2 syntax)."""

    column: str
    pattern: str


@dataclass(frozen=True)
class Measure:
    """Base of all measures."""


@dataclass(frozen=True)
class RowMeasure(Measure):
    """Base of the measures that an engine computes over the rows of one stage."""


@dataclass(frozen=True)
class RowCount(RowMeasure):
    """Number of rows; value: int."""


@dataclass(frozen=True)
class Minimum(RowMeasure):
    """Least value of a column, None when there is none; value: a scalar."""

    column: str


@dataclass(frozen=True)
class Maximum(RowMeasure):
    """Greatest value of a column, None when there is none; value: a scalar."""

    column: str


@dataclass(frozen=True)
class Violations(RowMeasure):
    """Rows for which ``predicate`` holds; value: ``ViolationSample``. ``key`` are the columns that name a row."""

    predicate: Predicate
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViolationSample:
    """Value of ``Violations``: how many rows, and up to ``KEY_SAMPLE`` of them as (key, offending value)."""

    count: int
    rows: tuple[tuple[Mapping[str, Any], Any], ...] = ()


@dataclass(frozen=True)
class DuplicateKeys(RowMeasure):
    """Keys that stand in more than one row; value: ``DuplicateSample``. A key with a NULL in it is a key."""

    key: tuple[str, ...]


@dataclass(frozen=True)
class DuplicateSample:
    """Value of ``DuplicateKeys``: keys with more than one row, rows beyond the first, and a sample (key, rows)."""

    keys: int
    surplus_rows: int
    sample: tuple[tuple[Mapping[str, Any], int], ...] = ()


@dataclass(frozen=True)
class StageSchema(Measure):
    """The schema of the stage; value: ``Schema``."""


@dataclass(frozen=True)
class UpstreamSchemas(Measure):
    """The schemas of the stages this one is made from; value: stage name to ``Schema``."""


@dataclass(frozen=True)
class Coverage(Measure):
    """How far the stage is with regard to the cut; value: ``CoverageState``."""


@dataclass(frozen=True)
class CoverageState:
    """Value of ``Coverage``.

    ``covers_cut`` is None when the stage cannot say what it covers. ``lag_seconds`` runs from the commit time of the
    oldest event of the cut that is not covered and is 0 when there is none; None when it is not known.
    ``events`` is the number of source events (or rows) of the cut that were looked at to tell.
    """

    covers_cut: bool | None
    lag_seconds: float | None
    events: int
    waited_seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class KeyComparison(Measure):
    """The keys of the stage against those it must hold at the cut; value: ``KeyDifference``."""


@dataclass(frozen=True)
class KeyDifference:
    """Value of ``KeyComparison``.

    ``expected_rows`` is the number of rows the stage must hold at its own position; ``unknown_keys`` counts keys about
    which nothing can be said, because retention or compaction took their events away. ``missing`` and ``unexpected``
    are samples (key, position or None where it should be); the totals stand beside them. ``against`` names the
    stages whose data the expectation was made of. Of a topic of changes, rows and keys are those that exist after
    folding the events of the cut, not the events.
    """

    rows: int
    distinct_keys: int
    expected_rows: int
    missing_total: int
    unexpected_total: int
    missing: tuple[tuple[Mapping[str, Any], Any], ...] = ()
    unexpected: tuple[tuple[Mapping[str, Any], Any], ...] = ()
    unknown_keys: int = 0
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class UpstreamDuplicates(Measure):
    """The duplicate keys of the direct upstream stage; value: ``DuplicateSample`` or None when it has no rows."""


@dataclass(frozen=True)
class Facts(Measure):
    """Facts that a stage's system tells of itself under ``topic``; value: a mapping or list, as the stage documents."""

    topic: str


@dataclass(frozen=True)
class Latencies(Measure):
    """Time of each event from its commit to each later hop; value: ``LatencySample``.

    Only events whose transaction was committed within ``window`` seconds before now are looked at.
    """

    window: float = 3600.0


@dataclass(frozen=True)
class LatencySample:
    """Value of ``Latencies``.

    ``hops`` maps the name of a hop (``commit_to_connector``, ``commit_to_topic``, ``commit_to_table``,
    ``commit_to_api``) to seconds of each event, all in one order; ``backwards`` counts events whose times decrease
    along the hops by more than the clocks can explain. ``slowest`` names the event with the greatest last hop.
    """

    events: int
    hops: Mapping[str, tuple[float, ...]]
    backwards: int = 0
    slowest: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Measured:
    """A measure's value with its grade."""

    value: Any
    grade: Grade = Grade.EXACT
