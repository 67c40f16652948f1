"""Types of fields as files and tables have them, and what a table must have to hold the fields of several files.

Whole and broken numbers make a broken one, a field that is only ever null takes any type, structs are made of the
fields of both; whatever else differs cannot be held together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LONG, DOUBLE, STRING, BOOLEAN, NULL, STRUCT, LIST, MIXED = (
    *("long", "double", "string", "boolean", "null", "struct", "list", "mixed"),
)
_NUMBERS = frozenset({LONG, DOUBLE})


@dataclass(frozen=True)
class FieldType:
    """One type: its ``name``, of a struct its ``fields`` by name, of a list the type of its ``element``."""

    name: str
    fields: tuple[tuple[str, FieldType], ...] = ()
    element: FieldType | None = None

    def __str__(self) -> str:
        if self.name == STRUCT:
            return f"struct<{', '.join(f'{name}: {type_}' for name, type_ in self.fields)}>"
        return f"list<{self.element}>" if self.name == LIST else self.name

    @property
    def is_mixed(self) -> bool:
        """Whether it was made of types that cannot be held together."""
        if self.element is not None and self.element.is_mixed:
            return True
        return self.name == MIXED or any(type_.is_mixed for _, type_ in self.fields)


def struct_of(fields: Mapping[str, FieldType]) -> FieldType:
    """Return the struct with these fields, in the order of their names: they are compared by name."""
    return FieldType(STRUCT, tuple(sorted(fields.items())))


def type_of(value: object) -> FieldType:
    """Return the type of a JSON value.

    >>> str(type_of({"b": 1, "a": [1, 2.5]}))
    'struct<a: list<double>, b: long>'
    """
    if value is None:
        return FieldType(NULL)
    if isinstance(value, bool):
        return FieldType(BOOLEAN)
    if isinstance(value, int):
        return FieldType(LONG)
    if isinstance(value, float):
        return FieldType(DOUBLE)
    if isinstance(value, Mapping):
        return struct_of({str(name): type_of(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return FieldType(LIST, element=union(type_of(inner) for inner in value))
    return FieldType(STRING) if isinstance(value, str) else FieldType(type(value).__name__)


def union(types: Iterable[FieldType]) -> FieldType:
    """Return the type that holds values of all ``types``, whatever their order."""
    found = FieldType(NULL)
    for type_ in types:
        found = _both(found, type_)
    return found


def _both(one: FieldType, other: FieldType) -> FieldType:
    if one == other or other.name == NULL:
        return one
    if one.name == NULL:
        return other
    if {one.name, other.name} == _NUMBERS:
        return FieldType(DOUBLE)
    if one.name == other.name == STRUCT:
        left, right = dict(one.fields), dict(other.fields)
        return struct_of({n: union(s[n] for s in (left, right) if n in s) for n in {**left, **right}})
    if one.name == other.name == LIST and one.element is not None and other.element is not None:
        return FieldType(LIST, element=_both(one.element, other.element))
    return FieldType(MIXED)


def holds(table: FieldType, needed: FieldType) -> bool:
    """Whether a field of a table holds every value of the type that is needed.

    A field that is null in every line is text where a table is made of it, and any type where the table has one.
    """
    if needed.name == NULL or table == needed or needed.is_mixed:
        return True  # what is mixed is told as such, and of which type the table must be is not known
    if table.name == needed.name == STRUCT:
        held = dict(table.fields)
        return all(name in held and holds(held[name], type_) for name, type_ in needed.fields)
    if table.name == needed.name == LIST and table.element is not None and needed.element is not None:
        return holds(table.element, needed.element)
    return (table.name, needed.name) == (DOUBLE, LONG)
