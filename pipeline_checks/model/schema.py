"""The schema of a stage as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.logical_type import LogicalType


@dataclass(frozen=True)
class SchemaField:
    """One column as it stands in the stage.

    ``id`` is what identifies the column through a rename (attribute number, field id), None where nothing does.
    """

    name: str
    type: LogicalType
    nullable: bool
    id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return ``{"name", "type", "nullable", "id"}``."""
        return {"name": self.name, "type": str(self.type), "nullable": self.nullable, "id": self.id}


@dataclass(frozen=True)
class Schema:
    """The columns of a stage in their order.

    ``enforces_nullability`` says whether the stage itself rejects NULL in a column that is not nullable; where it
    does not, ``nullable`` promises nothing and only the data can be judged.
    """

    fields: tuple[SchemaField, ...]
    enforces_nullability: bool = True

    def field(self, name: str) -> SchemaField | None:
        """The column of that name, None when there is none."""
        return next((f for f in self.fields if f.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns in their order."""
        return tuple(f.name for f in self.fields)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the list of columns."""
        return [f.to_json() for f in self.fields]
