"""Statistics of the columns of an Iceberg table, from the manifests of one snapshot."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.stages.lake_statistics import ColumnStatistics

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.types import IcebergType

_EPOCH: Final = datetime(1970, 1, 1)
_KEPT: Final = frozenset({"int", "long", "float", "double", "decimal", "date", "timestamp", "timestamptz"})
"""Types whose bounds are read; those of text and bytes are cut."""


class IcebergStatistics:
    """Statistics by column over the live data files of a snapshot.

    Parameters
    ----------
    files:
        The data files.
    fields:
        Identity and type of the top-level columns, by name.
    counts_rows:
        Whether the snapshot has no delete files.
    """

    def __init__(
        self, files: Sequence[DataFile], fields: Mapping[str, tuple[int, IcebergType]], *, counts_rows: bool
    ) -> None:
        self._files = files
        self._fields = fields
        self._counts_rows = counts_rows
        self._rows = sum(file.record_count for file in files)

    def of(self, column: str) -> ColumnStatistics | None:
        """Return the statistics of a column, told by its identity, whatever it was called when a file was written."""
        identity, type_ = self._fields[column]
        nulls = _total(identity, (file.null_value_counts for file in self._files))
        nans = _total(identity, (file.nan_value_counts for file in self._files))
        told: dict[str, Any] = {"rows": self._rows, "nulls": nulls, "nans": nans, "counts_rows": self._counts_rows}
        if nulls is None or nulls == self._rows:
            return ColumnStatistics(**told)
        with_values = [f for f in self._files if (f.null_value_counts or {})[identity] < f.record_count]
        lower = [_value(type_, (file.lower_bounds or {}).get(identity)) for file in with_values]
        upper = [_value(type_, (file.upper_bounds or {}).get(identity)) for file in with_values]
        if any(value is None for value in (*lower, *upper)):
            return ColumnStatistics(**told)
        return ColumnStatistics(**told, lower=min(lower), upper=max(upper), are_values=True)


def _total(identity: int, counts: Iterable[Mapping[int, int] | None]) -> int | None:
    """The sum over all files; None where one does not tell."""
    total = 0
    for told in counts:
        if told is None or identity not in told:
            return None
        total += told[identity]
    return total


def _value(type_: IcebergType, bound: bytes | None) -> Any:
    """The bound as the rows have it; None where it is not told, or told in a way that this type is not."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import DateType, TimestampType, TimestamptzType

    if bound is None or str(type_).partition("(")[0] not in _KEPT:
        return None
    try:
        value: Any = from_bytes(type_, bound)  # type: ignore[arg-type]
        if isinstance(type_, DateType):
            return _EPOCH.date() + timedelta(days=value)
        if isinstance(type_, TimestampType | TimestamptzType):
            moment = _EPOCH + timedelta(microseconds=value)
            return moment.replace(tzinfo=UTC) if isinstance(type_, TimestamptzType) else moment
    except (ValueError, OverflowError, struct.error):  # written when the column had another type
        return None
    return None if value != value else value
