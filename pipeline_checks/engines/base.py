"""What an engine offers, and what the engines have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Measure,
    Measured,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowMeasure,
    Violations,
)

if TYPE_CHECKING:
    from pipeline_checks.model.stage import Rows

RowFactory = Callable[[Sequence[str] | None], "Rows"]
"""Returns the rows anew at each call, with only the named columns when they are given."""


class Engine(Protocol):
    """Computes measures over rows: all aggregates in one scan, duplicate keys in one more.

    Only where a promise is broken are the rows read again, to name the first keys that break it.
    """

    def measure(self, rows: RowFactory, measures: frozenset[RowMeasure]) -> dict[Measure, Measured]:
        """Return the value of every measure; all of them are exact."""
        ...


def column_of(predicate: Predicate) -> str:
    """Return the column that a predicate is about."""
    if isinstance(predicate, IsNull | Below | Above | NotIn | NotMatching):
        return predicate.column
    raise TypeError(f"{type(predicate).__name__} is not a predicate of the algebra")


def columns_in_use(measures: Iterable[RowMeasure]) -> list[str]:
    """Return the columns that must be read to compute the aggregates among ``measures``, in a stable order."""
    names: set[str] = set()
    for measure in measures:
        if isinstance(measure, Minimum | Maximum):
            names.add(measure.column)
        elif isinstance(measure, Violations):
            names.add(column_of(measure.predicate))
    return sorted(names)


def aggregates(measures: Iterable[RowMeasure]) -> list[RowMeasure]:
    """Return the measures that one scan answers, in a stable order."""
    return sorted((m for m in measures if not isinstance(m, DuplicateKeys)), key=repr)


def duplicate_keys(measures: Iterable[RowMeasure]) -> list[DuplicateKeys]:
    """Return the duplicate passes asked for, in a stable order."""
    return sorted((m for m in measures if isinstance(m, DuplicateKeys)), key=repr)
