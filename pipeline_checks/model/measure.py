"""Measures: one value read from a stage at a position. Equal measures are the same measure and are read once.

The algebra is closed: every engine compiles exactly the predicates and row measures of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline_checks.model.position import Position

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
    """Value of ``DuplicateKeys``: keys with more than one row, rows beyond the first, and a sample (key, rows).

    Where they are known, ``classes`` has the class of each key of the sample (``replayed``, ``sink_rewrite``, ...) and
    ``places`` where the last of its rows stands. ``explained`` counts rows by what they are: those that had to come
    twice, which are not among the keys, and those that had not.
    """

    keys: int
    surplus_rows: int
    sample: tuple[tuple[Mapping[str, Any], int], ...] = ()
    classes: tuple[str, ...] = ()
    places: tuple[Position, ...] = ()
    explained: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DuplicateClasses(Measure):
    """What the doubled keys of a table are: the class of each in the sample of its ``DuplicateKeys``, in that order.

    Value: a tuple of ``sink_rewrite`` (all rows of the key are the same apart from ignored columns) and ``business``.
    """

    key: tuple[str, ...]


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
class KeyPlace:
    """Where a key went wrong.

    ``stage`` is the first stage that has it wrong, None for the stage itself. ``event`` is the last event of the key
    that the stage covers, in the topic of ``event_stage``; ``is_deleted`` says that it deleted the key.
    """

    stage: str | None = None
    event_stage: str | None = None
    event: Position | None = None
    is_deleted: bool = False


@dataclass(frozen=True)
class KeyRange:
    """Keys that are missing together: all whose last events lie in one stretch of a partition.

    ``first`` and ``last`` are offsets in the ``topic`` of ``stage``, both inclusive; ``keys`` is their number.
    """

    stage: str
    topic: str
    partition: int
    first: int
    last: int
    keys: int
    sample: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class KeyDifference:
    """Value of ``KeyComparison``.

    ``expected_rows`` is the number of rows the stage must hold at its own position; ``unknown_keys`` counts keys about
    which nothing can be said, because retention or compaction took their events away. ``missing`` and ``unexpected``
    are samples (key, place or None when nothing is known of it); the totals stand beside them. ``ranges`` tell of
    missing keys that are not in the sample. ``against`` names the stages whose data the expectation was made of.
    Of a topic of changes, rows and keys are those that exist after folding the events of the cut, not the events.
    ``touched_keys`` counts keys that were left out as they changed while the stage was compared.
    """

    rows: int
    distinct_keys: int
    expected_rows: int
    missing_total: int
    unexpected_total: int
    missing: tuple[tuple[Mapping[str, Any], KeyPlace | None], ...] = ()
    unexpected: tuple[tuple[Mapping[str, Any], KeyPlace | None], ...] = ()
    ranges: tuple[KeyRange, ...] = ()
    unknown_keys: int = 0
    touched_keys: int = 0
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowComparison(Measure):
    """The values of the stage's rows against those they must have; value: ``RowDifference``."""


@dataclass(frozen=True)
class Step:
    """A row as one stage on its way has it.

    ``position`` is the place of the row there: the offset of its event, the version of a table. ``values`` are those
    of the columns that differ somewhere on the way, as JSON values; None where the stage has no such row.
    """

    stage: str
    position: Position | None
    values: Mapping[str, Any] | None


@dataclass(frozen=True)
class ChangedRow:
    """A row that stands in the stage with other values than it must have.

    ``expected`` and ``seen`` hold the columns that differ, as JSON values. ``stage`` is the first whose row differs
    from that of the stage before it, ``position`` its place there. ``is_stale`` says that the values are those of an
    earlier state of the row. ``steps`` are the stages passed, the source first; ``files`` the data files of the stage
    in which the row stands, where it has such.
    """

    key: Mapping[str, Any]
    expected: Mapping[str, Any]
    seen: Mapping[str, Any]
    stage: str
    position: Position | None
    is_stale: bool = False
    steps: tuple[Step, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowDifference:
    """Value of ``RowComparison``: of the keys that both sides hold, those whose values differ, with a sample of them.

    ``skipped`` tells of columns that could not be compared why; ``unknown_rows`` counts rows of which a value is not
    known, since the topic does not have it. ``against`` names the stages whose data the expectation was made of.
    ``touched_rows`` counts those that were left out as they changed while the stage was compared.
    """

    rows: int
    columns: tuple[str, ...]
    changed_total: int
    changed: tuple[ChangedRow, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    unknown_rows: int = 0
    touched_rows: int = 0
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class UpstreamDuplicates(Measure):
    """The duplicate keys of the direct upstream stage with their classes, as far as they are known.

    Value: ``DuplicateSample`` or None when it has no rows.
    """


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
