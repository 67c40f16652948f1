"""What an engine offers, and what the engines have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.model.logical_type import LogicalType
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
from pipeline_checks.values.literals import limit, members

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


def literals_of(predicate: Predicate, types: Mapping[str, LogicalType]) -> list[Any]:
    """Return the literals of a predicate as values of its column's type; raises ConfigurationError when they are none.

    Every engine compares with these, so that none converts column or literal in its own way.
    """
    type_ = types[column_of(predicate)]
    if isinstance(predicate, Below | Above):
        return [limit(predicate.limit, type_, "up" if isinstance(predicate, Below) else "down")]
    return list(members(predicate.values, type_)) if isinstance(predicate, NotIn) else []


@contextmanager
def rows_errors(rows: RowFactory, columns: Sequence[str] | None) -> Iterator[None]:
    """Turn what a native engine makes of an error in the rows back into the error that the stage raised.

    Through Arrow's stream interface only the text of an error comes; the rows are read again, in Python, to meet it.
    """
    try:
        yield
    except (PipelineChecksError, KeyboardInterrupt):
        raise
    except Exception as problem:
        again: Any = rows(columns)
        if hasattr(again, "read_next_batch"):
            for _ in again:
                pass
        text = str(problem).strip().splitlines() or [type(problem).__name__]
        raise TerminalError(f"the rows could not be read: {text[0][:300]}.") from problem


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
