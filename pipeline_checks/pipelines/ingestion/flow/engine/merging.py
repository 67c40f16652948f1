"""Merges what files hold into what a table has, or will have: which types go together, and what must not be mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from pipeline_checks.pipelines.ingestion.flow.engine.type_names import type_name

_DIGITS: Final[dict[type[DataType], int]] = {IntegerType: 10, LongType: 19}
_SCALARS: Final = (
    *(BooleanType, IntegerType, LongType, FloatType, DoubleType, DecimalType, StringType, BinaryType),
    *(DateType, TimestampType, TimestampNTZType),
)
_MOST_DIGITS: Final = 38


class Conflict(Exception):
    """Two types that cannot be one column; ``path`` names the column, with dots for nested fields."""

    def __init__(self, path: tuple[str, ...], old: str, new: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.old = old
        self.new = new


@dataclass(frozen=True)
class Difference:
    """A column that was added (no ``old``) or whose type was widened; ``path`` has ``element`` for that of a list."""

    path: tuple[str, ...]
    old: DataType | None
    new: DataType


def normalized(of: DataType, path: tuple[str, ...] = ()) -> DataType:
    """Return a file's type as a table can hold it; whole numbers are 32 or 64 bits.

    Raises Conflict for a type that no table holds, and for names that differ only in case or are empty.
    """
    if isinstance(of, StructType):
        seen: dict[str, str] = {}
        for name in of.names:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise Conflict((*path, name), other, name, f"the names {other!r} and {name!r} differ only in case")
            if not name.strip() or len(set(of.names)) != len(of.names):
                raise Conflict((*path, name), "", name, f"the name {name!r} is empty or there twice")
        return StructType([StructField(f.name, normalized(f.dataType, (*path, f.name))) for f in of])
    if isinstance(of, ArrayType):
        return ArrayType(normalized(of.elementType, (*path, "element")))
    if isinstance(of, MapType):
        return MapType(normalized(of.keyType, (*path, "key")), normalized(of.valueType, (*path, "value")))
    if isinstance(of, ByteType | ShortType):
        return IntegerType()
    if isinstance(of, StringType):
        return StringType()
    if isinstance(of, (*_SCALARS, NullType)):
        return of
    raise Conflict(path, "", type_name(of), "its values are of several types, or of one that a table does not hold")


def merge(held: StructType, table: StructType | None, brought: StructType) -> StructType:
    """Return ``held`` with what a file brings.

    What stands in ``table`` changes only as a table's column can be altered: int to long, float to double, a decimal
    to a longer one. What stands in no table yet is free: whole numbers and floating ones become double.

    Raises Conflict.
    """
    merged = _merge(held, table, brought, ())
    assert isinstance(merged, StructType)
    return merged


def _merge(held: DataType, table: DataType | None, brought: DataType, path: tuple[str, ...]) -> DataType:
    if isinstance(brought, NullType):
        return held
    if isinstance(held, NullType):
        return brought
    if isinstance(held, StructType) and isinstance(brought, StructType):
        return _merge_fields(held, table if isinstance(table, StructType) else None, brought, path)
    if isinstance(held, ArrayType) and isinstance(brought, ArrayType):
        below = table.elementType if isinstance(table, ArrayType) else None
        return ArrayType(_merge(held.elementType, below, brought.elementType, (*path, "element")))
    if isinstance(held, MapType) and isinstance(brought, MapType):
        if held.keyType != brought.keyType:
            raise _differ(held, brought, path)
        below = table.valueType if isinstance(table, MapType) else None
        return MapType(held.keyType, _merge(held.valueType, below, brought.valueType, (*path, "value")))
    if held == brought:
        return held
    found = _altered(held, brought) if table is not None else _altered(held, brought) or _free(held, brought)
    if found is None:
        raise _differ(held, brought, path)
    return found


def _merge_fields(held: StructType, table: StructType | None, brought: StructType, path: tuple[str, ...]) -> StructType:
    by_lower = {name.lower(): name for name in held.names}
    in_table = {f.name: f.dataType for f in table} if table is not None else {}
    merged = {f.name: f for f in held}
    for field in brought:
        name, here = field.name, (*path, field.name)
        known = by_lower.get(name.lower())
        if known is None:
            merged[name] = StructField(name, field.dataType)
        elif known != name:
            raise Conflict(here, known, name, f"the names {known!r} and {name!r} differ only in case")
        else:
            old = merged[name]
            merged[name] = StructField(
                name, _merge(old.dataType, in_table.get(name), field.dataType, here), old.nullable
            )
    return StructType(list(merged.values()))


def _altered(held: DataType, brought: DataType) -> DataType | None:
    """Return what the column of a table is, or becomes, when the other type is written to it; None when it cannot."""
    if isinstance(held, LongType) and isinstance(brought, IntegerType):
        return held
    if isinstance(held, DoubleType) and isinstance(brought, IntegerType | LongType | FloatType):
        return held
    if isinstance(held, IntegerType) and isinstance(brought, LongType):
        return brought
    if isinstance(held, FloatType) and isinstance(brought, DoubleType):
        return brought
    if isinstance(held, DecimalType):
        return _longer(held, brought)
    return None


def _longer(held: DecimalType, brought: DataType) -> DecimalType | None:
    digits = _DIGITS.get(type(brought))
    if digits is not None:
        return held if held.precision - held.scale >= digits else None
    if not isinstance(brought, DecimalType) or brought.scale > held.scale:
        return None
    precision = max(held.precision, brought.precision - brought.scale + held.scale)
    return DecimalType(precision, held.scale) if precision <= _MOST_DIGITS else None


def _free(held: DataType, brought: DataType) -> DataType | None:
    """Return the type that holds both, whichever comes first; None when there is none."""
    kinds = {type(held), type(brought)}
    if kinds <= {IntegerType, LongType, FloatType, DoubleType}:
        return DoubleType() if kinds & {FloatType, DoubleType} else LongType()
    if kinds <= {IntegerType, LongType, FloatType, DoubleType, DecimalType}:
        if kinds & {FloatType, DoubleType}:
            return DoubleType()
        first, second = _as_decimal(held), _as_decimal(brought)
        scale = max(first.scale, second.scale)
        precision = max(first.precision - first.scale, second.precision - second.scale) + scale
        return DecimalType(precision, scale) if precision <= _MOST_DIGITS else DoubleType()
    return None


def _as_decimal(of: DataType) -> DecimalType:
    return of if isinstance(of, DecimalType) else DecimalType(_DIGITS[type(of)], 0)


def _differ(held: DataType, brought: DataType, path: tuple[str, ...]) -> Conflict:
    old, new = type_name(held), type_name(brought)
    return Conflict(path, old, new, f"{old} cannot hold {new}")


def settled(of: StructType, *, by_name: bool) -> StructType:
    """Return columns as a table is created or altered with them: none whose values were all null.

    Where nothing else is there they become text, so that the rows are kept; so do the elements of lists that were all
    empty. ``by_name`` sorts the fields, as a reader of JSON does.
    """
    kept = _settled(of, by_name)
    if isinstance(kept, StructType) and kept.fields:
        return kept
    return StructType([StructField(f.name, StringType()) for f in of])


def _settled(of: DataType, by_name: bool) -> DataType | None:
    if isinstance(of, NullType):
        return None
    if isinstance(of, ArrayType):
        return ArrayType(_settled(of.elementType, by_name) or StringType())
    if isinstance(of, MapType):
        return MapType(of.keyType, _settled(of.valueType, by_name) or StringType())
    if isinstance(of, StructType):
        found = [(f, _settled(f.dataType, by_name)) for f in of]
        fields = [StructField(f.name, kind, f.nullable) for f, kind in found if kind is not None]
        return StructType(sorted(fields, key=lambda f: f.name) if by_name else fields) if fields else None
    return of


def differences(before: DataType, after: DataType, path: tuple[str, ...] = ()) -> list[Difference]:
    """Return what must be altered, in the order of the columns; a new struct is one difference."""
    if isinstance(before, StructType) and isinstance(after, StructType):
        known = {f.name: f.dataType for f in before}
        found: list[Difference] = []
        for field in after:
            here = (*path, field.name)
            if field.name in known:
                found += differences(known[field.name], field.dataType, here)
            else:
                found.append(Difference(here, None, field.dataType))
        return found
    if isinstance(before, ArrayType) and isinstance(after, ArrayType):
        return differences(before.elementType, after.elementType, (*path, "element"))
    if isinstance(before, MapType) and isinstance(after, MapType):
        return differences(before.valueType, after.valueType, (*path, "value"))
    return [] if type_name(before) == type_name(after) else [Difference(path, before, after)]


def type_at(of: DataType, path: tuple[str, ...]) -> DataType | None:
    """Return the type at a path, None where a file does not have it or has nothing but nulls there."""
    for name in path:
        if isinstance(of, StructType) and name in of.names:
            of = of[name].dataType
        elif isinstance(of, ArrayType) and name == "element":
            of = of.elementType
        elif isinstance(of, MapType) and name == "value":
            of = of.valueType
        else:
            return None
    return None if isinstance(of, NullType) else of
