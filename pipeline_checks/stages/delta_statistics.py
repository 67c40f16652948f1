"""Statistics of the columns of a Delta table, from its log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.lake_statistics import ColumnStatistics

if TYPE_CHECKING:
    import pyarrow

_SAFE_DIGITS: Final = 15
"""Decimals stand in the log as JSON numbers, which writers put through doubles; so many digits these keep."""
_CUT: Final = timedelta(milliseconds=1)
"""Times stand in the log truncated down to milliseconds, by the format's own rule."""


class DeltaStatistics:
    """Statistics by column over the live files of one version.

    Parameters
    ----------
    files:
        The add actions, not flattened: ``num_records`` and structs ``null_count``, ``min`` and ``max``.
    types:
        Logical types by column.
    names:
        What each column is called in the files: where columns are mapped that is not what the table calls it, and may
        be what it calls another.
    counts_rows:
        Whether no row of a file is deleted beside it.
    """

    def __init__(
        self, files: pyarrow.Table, types: Mapping[str, LogicalType], names: Mapping[str, str], *, counts_rows: bool
    ) -> None:
        self._files = files
        self._types = types
        self._names = names
        self._counts_rows = counts_rows
        self._known: dict[str, ColumnStatistics | None] = {}

    def of(self, column: str) -> ColumnStatistics | None:
        """Return the statistics of a column; None where a file does not tell its rows."""
        if column not in self._known:
            self._known[column] = self._made(column)
        return self._known[column]

    def _made(self, column: str) -> ColumnStatistics | None:
        import pyarrow.compute as compute

        if self._files.num_rows == 0:
            return ColumnStatistics(0, nulls=0, nans=0, counts_rows=True)
        records = _field(self._files, "num_records")
        if records is None or records.null_count:
            return None
        rows = int(compute.sum(records).as_py())
        name = self._names[column]
        nulls = _field(self._files, "null_count", name)
        if nulls is None or nulls.null_count:
            return ColumnStatistics(rows, counts_rows=self._counts_rows)
        type_ = self._types[column]
        told: dict[str, Any] = {
            "rows": rows,
            "nulls": int(compute.sum(nulls).as_py()),
            "counts_rows": self._counts_rows,
        }
        if type_.name == "decimal" and (type_.precision or 0) > _SAFE_DIGITS:
            return ColumnStatistics(**told)
        has_values = compute.less(nulls, records)
        lower, upper = (_bounds(_field(self._files, side, name), has_values) for side in ("min", "max"))
        if not lower or not upper:
            return ColumnStatistics(**told)
        least, greatest = min(lower), max(upper)
        if isinstance(least, datetime):
            return ColumnStatistics(**told, **_widened(least, greatest))
        return ColumnStatistics(**told, lower=least, upper=greatest, are_values=True)


def _field(files: pyarrow.Table, name: str, column: str | None = None) -> Any:
    """The column of the actions, or a field of it; None where no file has that."""
    import pyarrow.compute as compute
    import pyarrow.types

    if name not in files.column_names:
        return None
    found = files.column(name)
    if column is None:
        return found
    if not pyarrow.types.is_struct(found.type) or found.type.get_field_index(column) < 0:
        return None
    field = compute.struct_field(found, column)
    return None if pyarrow.types.is_nested(field.type) else field


def _bounds(told: Any, has_values: Any) -> list[Any]:
    """The bounds of the files that hold values; none at all where one of these tells none."""
    if told is None:
        return []
    values: list[Any] = told.filter(has_values).to_pylist()
    # A float that is no number orders nothing.
    return [] if any(v is None or v != v for v in values) else values


def _widened(least: datetime, greatest: datetime) -> dict[str, Any]:
    try:
        return {"lower": least, "upper": greatest + _CUT}
    except OverflowError:  # at the end of time
        return {}
