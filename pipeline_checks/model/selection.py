"""Rows of a stage as another stage's promise names them: which of them, and by which values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_pairs(value: Any) -> Any:
    """Take a list of columns, or a mapping of names to SQL expressions, as pairs."""
    if isinstance(value, str):
        return ((value, value),)
    if isinstance(value, Mapping):
        return tuple((str(name), str(expression)) for name, expression in value.items())
    if isinstance(value, list | tuple):
        return tuple((v, _quoted(v)) if isinstance(v, str) else v for v in value)
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


Named = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_as_pairs)]
"""Names with the SQL expression that gives each; written as a mapping, or as a list of columns."""


class Selection(BaseModel):
    """Rows of the stage ``stage`` for which ``where`` holds, each told by ``key``.

    ``key`` is a list of columns, or a mapping of names to SQL expressions (DuckDB's) over one row. With ``distinct``
    rows of one key are one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    key: Named = ()
    where: str | None = None
    distinct: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the key."""
        return tuple(name for name, _ in self.key)


class Kept(Selection):
    """Rows that are another fate than that of the stage itself; ``reason`` is the expression that tells why."""

    reason: str | None = None


class Once(BaseModel):
    """Of rows that no rule rejects, those of one ``by`` are the same: the first by ``first`` is kept.

    The others are rejected with the ``reason``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Named = Field(min_length=1)
    first: Named = Field(min_length=1)
    reason: str
