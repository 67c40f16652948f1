"""Frames of Spark over files: of what they hold as lines, and of their rows as the table wants them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from pipeline_checks.pipelines.ingestion.flow.engine.model import Format
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import quoted, type_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

MALFORMED: Final = "__malformed_record__"
"""Where Spark's readers put what they cannot read; no column of a file is called so."""
_NOT_A_PATTERN: Final = {"__globPaths__": "false"}
_STRICT_JSON: Final = {
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
    "columnNameOfCorruptRecord": MALFORMED,
}
_TEXT: Final = {"header": "header", "delimiter": "sep", "quote": "quote"}
_END: Final = "~ end of line ~"
_SPACES: Final = r"^[ \t\r]*$"
_FLOATING: Final = r"([:<] ?)DECIMAL\((?:\d+,[1-9]\d*|(?:\d|1[0-8]),0)\)"
"""In the schema of a variant: a number with a point. One without is BIGINT, or a decimal of more than 18 digits."""
_LONGEST: Final = r"DECIMAL\(\d+,0\)"


def is_lines(format: Format) -> bool:
    """Whether a file is JSON with one object a line."""
    return format.type == "json" and not is_set(format, "multiline")


def is_set(format: Format, option: str) -> bool:
    """Whether an option that is true or false is true."""
    return str(format.options.get(option) or "").lower() == "true"


def lines(session: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Return ``value``, one row a line, its ``file``, and ``parsed``, what ``kind`` judges it by."""
    from pyspark.sql.connect import functions as f

    read = session.read.format("text").options(**_NOT_A_PATTERN).load(list(paths))
    # Spark's parser stops behind the first value: what stands behind it shows by the end that is not found again.
    parsed = f.try_parse_json(f.concat(f.lit("["), f.col("value"), f.lit(f', "{_END}"]')))
    return read.select(f.col("_metadata.file_path").alias("file"), "value", parsed.alias("parsed"))


def kind() -> Column:
    """Return what a line is: ``blank``, ``bad``, or the schema of its object (``OBJECT<id: BIGINT>``)."""
    from pyspark.sql.connect import functions as f

    value, parsed = f.col("value"), f.col("parsed")
    whole = (f.try_variant_get(parsed, "$[1]", "string") == _END) & f.try_variant_get(
        parsed, "$[2]", "variant"
    ).isNull()
    schema = f.when(whole, f.schema_of_variant(f.try_variant_get(parsed, "$[0]", "variant")))
    schema = f.regexp_replace(f.regexp_replace(schema, _FLOATING, "$1DOUBLE"), _LONGEST, "DECIMAL(38,0)")
    schema = f.when(schema.startswith("OBJECT<"), schema)
    return (
        f.when(value.rlike(_SPACES), "blank")
        .when(~f.is_valid_utf8(value), "bad")
        .otherwise(f.coalesce(schema, f.lit("bad")))
    )


def is_object() -> Column:
    """Whether a line is an object that can be read."""
    return ~kind().isin("blank", "bad")


def rows_of_lines(session: SparkSession, path: str, schema: StructType) -> DataFrame:
    """Return the rows of those lines of a JSON file that can be read."""
    from pyspark.sql.connect import functions as f

    parsed = f.from_json(f.col("value"), ddl(schema), {**_STRICT_JSON, "mode": "FAILFAST"})
    return lines(session, [path]).where(is_object()).select(parsed.alias("row")).select("row.*")


def reader(session: SparkSession, format: Format, *, mode: str = "FAILFAST") -> DataFrameReader:
    """Return Spark's reader of a format with the options that are set."""
    read = session.read.format(format.type).options(**_NOT_A_PATTERN)
    if format.type == "json":
        return read.options(**_STRICT_JSON, mode=mode, multiLine=str(is_set(format, "multiline")).lower())
    if format.type == "csv":
        return read.options(
            mode=mode,
            multiLine=str(is_set(format, "multiline")).lower(),
            columnNameOfCorruptRecord=MALFORMED,
            enforceSchema="false",
            columnPruning="false",
            **text_options(format),
        )
    return read


def text_options(format: Format) -> dict[str, str]:
    """Return the options of CSV that are set, as Spark calls them."""
    chosen = {_TEXT[n]: v for n, v in format.options.items() if n in _TEXT and v is not None}
    return {n: str(v).lower() if isinstance(v, bool) else str(v) for n, v in chosen.items()}


def rows_of_file(session: SparkSession, format: Format, path: str, own: StructType, target: StructType) -> DataFrame:
    """Return the rows of a file, all of whose lines can be read, in the columns of the table.

    ``own`` are the columns of the file; JSON needs only those of the table, as it is read by name.
    """
    if format.type == "json":
        return reader(session, format).schema(ddl(target)).load(path)
    read = reader(session, format)
    if format.type == "csv":
        read = read.schema(ddl(own))
    return read.load(path).selectExpr(*projection(own, target))


def ddl(schema: StructType) -> str:
    """Return columns as they stand in SQL and in the schema of a reader."""
    return ", ".join(f"{quoted(f.name)} {type_name(f.dataType, quote=True)}" for f in schema)


def projection(own: StructType, target: StructType) -> list[str]:
    """Return the expressions that make a file's columns those of the table, by name."""
    held = {f.name: f.dataType for f in own}
    return [_column(held, f.name, f.dataType) for f in target]


def _column(held: Mapping[str, DataType], name: str, target: DataType) -> str:
    variables = (f"x{n}" for n in count())
    found = held.get(name)
    if found is None:
        return f"CAST(NULL AS {type_name(target, quote=True)}) AS {quoted(name)}"
    return f"{_made(quoted(name), found, target, variables)} AS {quoted(name)}"


def _made(value: str, held: DataType, target: DataType, variables: Any) -> str:
    if type_name(held) == type_name(target):
        return value
    if isinstance(held, StructType) and isinstance(target, StructType):
        known = {f.name: f.dataType for f in held}
        fields = []
        for field in target:
            if field.name in known:
                made = _made(f"{value}.{quoted(field.name)}", known[field.name], field.dataType, variables)
            else:
                made = f"CAST(NULL AS {type_name(field.dataType, quote=True)})"
            fields.append(f"{literal(field.name)}, {made}")
        return f"IF({value} IS NULL, NULL, named_struct({', '.join(fields)}))"
    if isinstance(held, ArrayType) and isinstance(target, ArrayType):
        x = next(variables)
        return f"transform({value}, {x} -> {_made(x, held.elementType, target.elementType, variables)})"
    if isinstance(held, MapType) and isinstance(target, MapType):
        k, x = next(variables), next(variables)
        return f"transform_values({value}, ({k}, {x}) -> {_made(x, held.valueType, target.valueType, variables)})"
    return f"CAST({value} AS {type_name(target, quote=True)})"


def literal(text: str) -> str:
    """Return a text as a literal of Spark's SQL."""
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"
