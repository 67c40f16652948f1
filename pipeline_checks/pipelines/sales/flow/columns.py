"""Columns by name and logical type, and what a type is in Arrow and in Postgres."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL: Final = re.compile(r"decimal\((\d+),(\d+)\)")
_POSTGRES: Final = {
    "string": "text",
    "int64": "bigint",
    "bool": "boolean",
    "date": "date",
    "timestamptz": "timestamptz",
    "json": "jsonb",
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    type:
        ``string``, ``int64``, ``bool``, ``date``, ``timestamptz``, ``json`` or ``decimal(P,S)``.
    """

    name: str
    type: str = "string"
    nullable: bool = True

    @property
    def scale(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal, None for all other types."""
        found = _DECIMAL.fullmatch(self.type)
        return (int(found[1]), int(found[2])) if found else None

    def arrow(self) -> Any:
        """Return the type in Arrow."""
        import pyarrow as pa

        if self.scale:
            return pa.decimal128(*self.scale)
        return {
            "string": pa.string(),
            "int64": pa.int64(),
            "bool": pa.bool_(),
            "date": pa.date32(),
            "timestamptz": pa.timestamp("us", tz="UTC"),
        }[self.type]

    def postgres(self) -> str:
        """Return the type in Postgres.

        >>> Column("sales", "decimal(10,2)").postgres(), Column("quantity", "int64").postgres()
        ('numeric(10,2)', 'bigint')
        """
        return "numeric({},{})".format(*self.scale) if self.scale else _POSTGRES[self.type]


def columns(types: str, *, required: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return columns written as ``name: type`` a line; those without a type are text.

    >>> [c.type for c in columns("city\\nsales: decimal(10,2)")]
    ['string', 'decimal(10,2)']
    """
    needed, made = set(required), []
    for line in types.split("\n"):
        name, _, kind = line.partition(":")
        if name.strip():
            made.append(Column(name.strip(), kind.strip() or "string", name.strip() not in needed))
    return tuple(made)


def arrow_schema(wanted: Iterable[Column]) -> pa.Schema:
    """Return the columns as a schema of Arrow."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, c.arrow(), c.nullable) for c in wanted])
