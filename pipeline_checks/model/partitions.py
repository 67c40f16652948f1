"""Partitions of a stage's rows: by the day of a column, or by its value."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, model_validator


class PartitionsDeclaration(BaseModel):
    """``partitions: {column: order_date, start: 2026-11-01}``, or ``{column: country, values: [DE, FR]}``.

    With ``start`` there is a partition for each day (UTC) of the column from then on; with ``values`` one for each of
    its values, which are text. Rows beyond them belong to no partition.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    start: date | None = None
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_of_one_sort(self) -> PartitionsDeclaration:
        if (self.start is None) == (not self.values):
            raise ValueError("partitions have either a start, and are days, or values")
        if len(set(self.values)) != len(self.values):
            raise ValueError("partitions have values that differ")
        return self

    @property
    def is_daily(self) -> bool:
        """Whether each partition is a day, called like 2026-11-01."""
        return self.start is not None
