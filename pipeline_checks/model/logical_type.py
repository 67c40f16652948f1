"""Logical types: what a column promises to hold, apart from how a system stores it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_INTEGERS = {"int8": 1, "int16": 2, "int32": 3, "int64": 4}
_FLOATS = {"float32": 1, "float64": 2}
_PLAIN = {"bool", "string", "bytes", "date", "uuid", "json", "interval", "array", "struct", "map"}
_TIMED = {"timestamp", "timestamptz", "time"}
_TEXT = re.compile(r"^\s*([a-z]+[0-9]*)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$")

NAMES = (*_INTEGERS, *_FLOATS, "decimal(p,s)", *sorted(_PLAIN), *(f"{t}(fraction digits)" for t in sorted(_TIMED)))


@dataclass(frozen=True)
class LogicalType:
    """One logical type.

    ``precision`` is the number of digits of a decimal, or the fraction digits of a time (0 to 9, 6 by default);
    ``scale`` the digits behind the point of a decimal. ``timestamp`` has no zone, ``timestamptz`` is an instant.
    """

    name: str
    precision: int | None = None
    scale: int | None = None

    @classmethod
    def parse(cls, text: str) -> LogicalType:
        """Return the type written as ``text``; raises ValueError naming the known types.

        >>> str(LogicalType.parse("decimal(10, 2)")), str(LogicalType.parse("timestamp"))
        ('decimal(10,2)', 'timestamp')
        """
        return _parsed(text)

    def __str__(self) -> str:
        if self.name == "decimal" and self.precision is not None:
            return f"decimal({self.precision},{self.scale})"
        if self.name in _TIMED and self.precision != 6:
            return f"{self.name}({self.precision})"
        return self.name

    @property
    def family(self) -> str:
        """The group within which types may differ in width: integer, float, or the name itself."""
        if self.name in _INTEGERS:
            return "integer"
        if self.name in _FLOATS:
            return "float"
        return self.name

    def fits_into(self, other: LogicalType) -> bool:
        """Whether every value of this type can be held by ``other`` without loss."""
        if self.family != other.family:
            return False
        if self.family == "integer":
            return _INTEGERS[self.name] <= _INTEGERS[other.name]
        if self.family == "float":
            return _FLOATS[self.name] <= _FLOATS[other.name]
        if self.name == "decimal":
            if other.precision is None or self.precision is None:
                return other.precision is None
            mine, theirs = self.scale or 0, other.scale or 0
            return mine <= theirs and self.precision - mine <= other.precision - theirs
        if self.name in _TIMED:
            return (self.precision or 0) <= (other.precision or 0)
        return True

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> LogicalType:
            return value if isinstance(value, LogicalType) else cls.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


@lru_cache(maxsize=4096)
def _parsed(text: str) -> LogicalType:
    match = _TEXT.match(text)
    if match:
        name, first, second = match.group(1), match.group(2), match.group(3)
        precision = int(first) if first is not None else None
        scale = int(second) if second is not None else None
        if name in _INTEGERS or name in _FLOATS or name in _PLAIN:
            if precision is None:
                return LogicalType(name)
        elif name in _TIMED:
            if scale is None and (precision is None or precision <= 9):
                return LogicalType(name, 6 if precision is None else precision)
        elif name == "decimal" and precision is not None:
            if 1 <= precision <= 76 and (scale or 0) <= precision:
                return LogicalType(name, precision, scale or 0)
        elif name == "decimal":
            return LogicalType(name)  # numeric without limits, as Postgres has it
    raise ValueError(f"{text!r} is not a type; the types are {', '.join(NAMES)}")
