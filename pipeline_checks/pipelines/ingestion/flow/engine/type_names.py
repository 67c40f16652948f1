"""Types by name: as Spark says them, as its variants say them, as Iceberg's metadata says them, and as SQL wants them.

Names of fields stand in back quotes where they are more than letters, digits and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

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
    VariantType,
)

from pipeline_checks.pipelines.ingestion.flow.engine.model import Column

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_MOST_DIGITS: Final = 38
_DECIMAL = re.compile(r"\(\s*(\d+)\s*,\s*(-?\d+)\s*\)")
_FIELD = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([^:`<>]+?))\s*:")

_BY_NAME: Final[Mapping[str, DataType]] = {
    **dict.fromkeys(("boolean",), BooleanType()),
    **dict.fromkeys(("tinyint", "byte"), ByteType()),
    **dict.fromkeys(("smallint", "short"), ShortType()),
    **dict.fromkeys(("int", "integer"), IntegerType()),
    **dict.fromkeys(("bigint", "long"), LongType()),
    **dict.fromkeys(("float", "real"), FloatType()),
    "double": DoubleType(),
    **dict.fromkeys(("string", "uuid"), StringType()),
    **dict.fromkeys(("binary", "fixed"), BinaryType()),
    "date": DateType(),
    **dict.fromkeys(("timestamp", "timestamp_ltz"), TimestampType()),
    "timestamp_ntz": TimestampNTZType(),
    **dict.fromkeys(("void", "null"), NullType()),
    "variant": VariantType(),
}
_OF_ICEBERG: Final[Mapping[str, DataType]] = {
    **{name: _BY_NAME[name] for name in ("boolean", "int", "long", "float", "double", "string", "uuid", "binary")},
    "date": DateType(),
    "timestamp": TimestampNTZType(),
    "timestamptz": TimestampType(),
    "variant": VariantType(),
    "unknown": NullType(),
}


def quoted(name: str) -> str:
    """Return an identifier for SQL."""
    return f"`{name.replace('`', '``')}`"


def type_name(of: DataType, *, quote: bool = False) -> str:
    """Return the name of a type, one that both Spark's SQL and ``parse_type`` read; ``quote`` quotes every field.

    >>> type_name(StructType([StructField("a b", LongType())]))
    'struct<`a b`:bigint>'
    """
    if isinstance(of, StructType):
        names = (f.name if _PLAIN.fullmatch(f.name) and not quote else quoted(f.name) for f in of)
        return (
            f"struct<{','.join(f'{n}:{type_name(f.dataType, quote=quote)}' for n, f in zip(names, of, strict=True))}>"
        )
    if isinstance(of, ArrayType):
        return f"array<{type_name(of.elementType, quote=quote)}>"
    if isinstance(of, MapType):
        return f"map<{type_name(of.keyType, quote=quote)},{type_name(of.valueType, quote=quote)}>"
    return of.simpleString()


def columns_of(schema: StructType, new: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return the fields of a row as columns; those named in ``new`` are marked."""
    marked = set(new)
    return tuple(Column(f.name, type_name(f.dataType), f.nullable, f.name in marked) for f in schema)


def schema_of(columns: Iterable[Column]) -> StructType:
    """Return columns as the type of a row.

    Raises ValueError for a type that cannot be read.
    """
    return StructType([StructField(c.name, parse_type(c.data_type), c.nullable) for c in columns])


def parse_type(text: str) -> DataType:
    """Return the type of a name of Spark, of a variant (``OBJECT<a: BIGINT>``) or of SQL.

    Raises ValueError for another text.
    """
    found, rest = _parse(text)
    if rest.strip():
        raise ValueError(f"{text!r} is no type")
    return found


def _parse(text: str) -> tuple[DataType, str]:
    word = _WORD.match(text)
    if word is None:
        raise ValueError(f"{text[:60]!r} is no type")
    name, rest = word[1].lower(), text[word.end() :]
    if name in ("object", "struct"):
        return _parse_fields(rest)
    if name == "array":
        element, rest = _parse(_after(rest, "<"))
        return ArrayType(element), _after(rest, ">")
    if name == "map":
        key, rest = _parse(_after(rest, "<"))
        value, rest = _parse(_after(rest, ","))
        return MapType(key, value), _after(rest, ">")
    if name == "decimal" and (sizes := _DECIMAL.match(rest)):
        precision, scale = int(sizes[1]), int(sizes[2])
        if not 1 <= precision <= _MOST_DIGITS or not 0 <= scale <= precision:
            raise ValueError(f"decimal({precision},{scale}) has digits that no decimal has")
        return DecimalType(precision, scale), rest[sizes.end() :]
    if name not in _BY_NAME:
        raise ValueError(f"{name!r} is no type")
    return _BY_NAME[name], rest


def _parse_fields(text: str) -> tuple[StructType, str]:
    fields: list[StructField] = []
    rest = _after(text, "<")
    while not rest.lstrip().startswith(">"):
        rest = _after(rest, ",") if fields else rest
        name = _FIELD.match(rest)
        if name is None:
            raise ValueError(f"{rest[:60]!r} is no field")
        kind, rest = _parse(rest[name.end() :])
        fields.append(StructField((name[1] or name[2]).replace("``", "`") if name[1] else name[2], kind))
    return StructType(fields), _after(rest, ">")


def _after(text: str, sign: str) -> str:
    stripped = text.lstrip()
    if not stripped.startswith(sign):
        raise ValueError(f"{text[:60]!r} lacks {sign!r}")
    return stripped[len(sign) :]


def iceberg_type(of: Any) -> DataType:
    """Return the type that Iceberg's metadata says, as text or as the document of a nested one.

    Raises ValueError for one that Spark does not have.
    """
    if isinstance(of, Mapping):
        if of["type"] == "struct":
            return StructType(
                [StructField(f["name"], iceberg_type(f["type"]), not f["required"]) for f in of["fields"]]
            )
        if of["type"] == "list":
            return ArrayType(iceberg_type(of["element"]), not of["element-required"])
        return MapType(iceberg_type(of["key"]), iceberg_type(of["value"]), not of["value-required"])
    text = str(of)
    if text.startswith("decimal"):
        return parse_type(text)
    if text.startswith("fixed"):
        return BinaryType()
    if text not in _OF_ICEBERG:
        raise ValueError(f"Spark has no type for Iceberg's {text!r}")
    return _OF_ICEBERG[text]
