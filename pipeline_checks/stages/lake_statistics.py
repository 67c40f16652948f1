"""What the statistics of a lake table's data files prove about its rows, without reading them.

Statistics are kept when rows of a file are deleted beside it (deletion vectors, delete files), so that they then tell
of more rows than there are: what none of these breaks, no row breaks, but how many do is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    Above,
    Below,
    IsNull,
    Maximum,
    Measure,
    Measured,
    Minimum,
    Violations,
    ViolationSample,
)
from pipeline_checks.model.stage import exact
from pipeline_checks.values.literals import limit

_KEPT_WHOLE: Final = frozenset({"integer", "decimal", "date", "timestamp", "timestamptz"})
"""Types of which a bound of either format is a value, or near to one in a known way; text is cut, and so are bytes."""


@dataclass(frozen=True)
class ColumnStatistics:
    """Statistics of one column over all data files of a table.

    Parameters
    ----------
    rows:
        Rows of the files, deleted ones among them.
    nulls:
        How many of them are NULL; None where a file does not tell.
    nans:
        How many are NaN; None where that is not told.
    lower, upper:
        No value is less or greater; None where a file tells no bound, or no row has a value.
    are_values:
        Whether the bounds are the least and the greatest value themselves.
    counts_rows:
        Whether the rows of the files are those of the table, none being deleted beside them.
    """

    rows: int
    nulls: int | None = None
    nans: int | None = None
    lower: Any = None
    upper: Any = None
    are_values: bool = False
    counts_rows: bool = False

    @property
    def all_null(self) -> bool:
        """Whether no row has a value."""
        return self.nulls == self.rows


def columns_of(measures: Iterable[Measure]) -> frozenset[str]:
    """Return the columns whose statistics may answer some of the measures."""
    return frozenset(name for m in measures if (name := _column(m)) is not None)


def proved(
    measures: Iterable[Measure],
    types: Mapping[str, LogicalType],
    statistics: Callable[[str], ColumnStatistics | None],
) -> dict[Measure, Measured]:
    """Return those of the measures that the statistics of their columns answer exactly.

    ``types`` are the types of the columns that have statistics of their own, ``statistics`` gives these by column.
    """
    answers: dict[Measure, Measured] = {}
    for measure in measures:
        name = _column(measure)
        if name is None or name not in types:
            continue
        told = statistics(name)
        answer = None if told is None else _answer(measure, told, types[name])
        if answer is not None:
            answers[measure] = answer
    return answers


def _column(measure: Measure) -> str | None:
    if isinstance(measure, Minimum | Maximum):
        return measure.column
    if isinstance(measure, Violations) and isinstance(measure.predicate, IsNull | Below | Above):
        return measure.predicate.column
    return None


def _answer(measure: Measure, told: ColumnStatistics, type_: LogicalType) -> Measured | None:
    if isinstance(measure, Violations):
        count = _violations(measure, told, type_)
        # Which rows break a promise stands in no statistics.
        return None if count is None or (count and measure.key) else exact(ViolationSample(count))
    if told.counts_rows and told.all_null:
        return exact(None)
    if not (told.are_values and told.counts_rows and type_.family in _KEPT_WHOLE):
        return None
    value = told.lower if isinstance(measure, Minimum) else told.upper
    return None if value is None else exact(value)


def _violations(measure: Violations, told: ColumnStatistics, type_: LogicalType) -> int | None:
    predicate = measure.predicate
    if isinstance(predicate, IsNull):
        return told.nulls if told.nulls == 0 or told.counts_rows else None
    assert isinstance(predicate, Below | Above)
    if type_.family not in _KEPT_WHOLE and type_.family != "float":
        return None
    try:
        bound = limit(predicate.limit, type_, "up" if isinstance(predicate, Below) else "down")
    except ConfigurationError:
        return None  # the engine refuses it and says why
    if told.all_null:
        return 0
    if isinstance(predicate, Below):
        return 0 if told.lower is not None and told.lower >= bound else None
    if type_.family == "float" and told.nans != 0:
        return None  # NaN is greater than every number, and no bound tells of it
    return 0 if told.upper is not None and told.upper <= bound else None
