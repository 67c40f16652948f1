"""Telling of many messages at once that they are valid by a JSON Schema; of the others nothing is said.

Only schemas of flat objects are understood, and of these the keywords below. What is accepted is certainly valid; what
is not may be: it is judged by the schema itself, one by one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.logical_type import LogicalType

if TYPE_CHECKING:
    import polars

_ABOUT = frozenset({"$schema", "$id", "title", "description", "$comment", "default", "examples"})
_OF_OBJECTS = _ABOUT | {"type", "additionalProperties", "required", "properties"}
_OF_FIELDS = _ABOUT | {"type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"}
_TYPES = {"string": "string", "int64": "integer", "float64": "number", "bool": "boolean"}
"""The type in a schema of the values that a column holds."""
_PLAIN_PATTERN = re.compile(r"(?:[^\\\[]|\\[.\s]|\\s|\[[^\\\]^]+\])*")


class JsonAcceptor:
    """Accepts messages by their columns; see ``of``."""

    def __init__(self, conditions: Sequence[polars.Expr], optional: frozenset[str]) -> None:
        self._conditions = conditions
        self.optional = optional
        """Fields that may be absent."""

    @classmethod
    def of(cls, schema: Any, columns: Mapping[str, LogicalType]) -> JsonAcceptor | None:
        """Return what accepts messages of a schema whose fields are these columns; None where it is not understood."""
        if not isinstance(schema, Mapping) or not schema.keys() <= _OF_OBJECTS or schema.get("type") != "object":
            return None
        fields = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or fields.keys() != columns.keys():
            return None
        required = frozenset(schema.get("required", ()))
        conditions: list[polars.Expr] = []
        for name, field in fields.items():
            found = _conditions(name, field, columns[name], name in required)
            if found is None:
                return None
            conditions += found
        return cls(conditions, frozenset(fields) - required)

    def accepted(self, messages: polars.DataFrame) -> polars.Series:
        """Return for each message whether it certainly is valid.

        The columns hold values of JSON's types; NULL in an optional one must stand for a field that is absent.
        """
        import polars as pl

        return messages.select(pl.all_horizontal(pl.lit(True), *self._conditions).fill_null(False)).to_series()


def _conditions(name: str, field: Any, type_: LogicalType, is_required: bool) -> list[polars.Expr] | None:
    import polars as pl

    if not isinstance(field, Mapping) or not field.keys() <= _OF_FIELDS:
        return None
    types = field.get("type", ())
    allowed = {types} if isinstance(types, str) else set(types)
    held = _TYPES.get(str(type_))
    if held is None or not ({held} & allowed or (held == "integer" and "number" in allowed)):
        return None
    column, found = pl.col(name), []
    for condition in _of_values(column, field, held):
        if condition is None:
            return None
        found.append(condition)
    if held == "number":
        found.append(column.is_finite())
    if is_required:
        return [column.is_not_null(), *found]
    return [condition | column.is_null() for condition in found]


def _of_values(column: polars.Expr, field: Mapping[str, Any], held: str) -> Iterator[polars.Expr | None]:
    """Yield a condition a keyword about values of the column's type; None for one that is not understood."""
    import polars as pl

    is_text = held == "string"
    for keyword, value in field.items():
        if keyword in _ABOUT or keyword == "type":
            continue
        if keyword == "enum":
            same = [v for v in value if isinstance(v, str)] if is_text else [v for v in value if _is_number(v)]
            yield column.is_in(same) if same and held != "boolean" else None
        elif keyword == "pattern":
            if is_text:
                pattern = _understood(value)
                yield None if pattern is None else column.str.contains(pattern)
        elif keyword in ("minLength", "maxLength"):
            if is_text:
                length = column.str.len_chars()
                yield length >= pl.lit(value) if keyword == "minLength" else length <= pl.lit(value)
        elif not is_text:  # minimum and maximum
            if held == "boolean" or not _is_number(value):
                yield None
            else:
                yield column >= pl.lit(value) if keyword == "minimum" else column <= pl.lit(value)


def _understood(pattern: Any) -> str | None:
    """Return a pattern that matches nothing but what the given one does; None for one with more than plain parts."""
    if not isinstance(pattern, str) or "(?" in pattern or not _PLAIN_PATTERN.fullmatch(pattern):
        return None
    return pattern.replace(r"\s", r"[ \t]")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
