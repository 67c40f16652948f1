"""Contracts that are written as pandera schemas."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.arrow_types import from_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMPY = {"int": "int64", "float": "float64", "boolean": "bool", "object": "string", "str": "string"}


def contract_from(name: str) -> Contract:
    """Return the contract of a pandera ``DataFrameSchema`` or ``DataFrameModel``, named ``package.module:Name``.

    Taken are columns with types and nullability, ``ge``, ``le``, ``in_range``, ``isin``, ``str_matches`` and
    ``unique``; a schema that is unique over columns, or one unique column, makes the key. Raises ConfigurationError for
    a name that leads nowhere and for a check that has no counterpart: it would be promised and never looked at.
    """
    schema = _load(name)
    columns: dict[str, Column] = {}
    for column_name, column in schema.columns.items():
        if getattr(column, "regex", False):
            raise _unsupported(name, column_name, "a column named by a regular expression")
        promises = dict(promise for check in column.checks for promise in _promises(name, column_name, check))
        columns[column_name] = Column(
            type=_logical_type(name, column_name, column.dtype), nullable=bool(column.nullable), **promises
        )
    if schema.checks:
        raise _unsupported(name, "the whole frame", "a check over several columns")
    single = [c for c, column in schema.columns.items() if getattr(column, "unique", False)]
    key = tuple(schema.unique or single[:1])
    besides = next((c for c in single if (c,) != key), None)
    if besides is not None:
        raise _unsupported(name, besides, "uniqueness beside that of the key")
    return Contract(key=key, columns=columns)


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as problem:
        raise ConfigurationError(
            f"the pandera schema {name!r} cannot be loaded: {problem}.", next_step="Write it as package.module:Name."
        ) from None
    if hasattr(found, "to_schema"):
        found = found.to_schema()
    if not hasattr(found, "columns") or not hasattr(found, "checks"):
        raise ConfigurationError(f"{name!r} is neither a DataFrameSchema nor a DataFrameModel of pandera.")
    return found


def _logical_type(schema: str, column: str, dtype: Any) -> LogicalType:
    if dtype is None:
        raise _unsupported(schema, column, "no type")
    native = getattr(dtype, "type", dtype)
    text = str(native)
    if type(native).__module__.partition(".")[0] == "polars" or getattr(native, "__module__", "").startswith("polars"):
        import polars

        return from_arrow(polars.DataFrame(schema={"c": native}).to_arrow().schema.field("c").type)
    arrow = getattr(native, "pyarrow_dtype", None)
    if arrow is not None:
        return from_arrow(arrow)
    if text.startswith("decimal") or type(dtype).__name__ == "Decimal":
        return LogicalType("decimal", dtype.precision, dtype.scale)
    if text.startswith("datetime64"):
        unit = getattr(native, "unit", None) or text[len("datetime64[") :].partition("]")[0].partition(",")[0]
        digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
        return LogicalType("timestamptz" if getattr(native, "tz", None) is not None else "timestamp", digits)
    lowered = text.lower()
    lowered = _NUMPY.get(lowered, lowered)
    try:
        return LogicalType.parse("string" if lowered.startswith("string") else lowered)
    except ValueError:
        raise _unsupported(schema, column, f"the type {text}") from None


def _promises(schema: str, column: str, check: Any) -> Iterator[tuple[str, Any]]:
    """The promises of one check, under the names that contracts use."""
    statistics = check.statistics or {}
    match check.name:
        case "greater_than_or_equal_to":
            yield "min", statistics["min_value"]
        case "less_than_or_equal_to":
            yield "max", statistics["max_value"]
        case "in_range" if statistics.get("include_min", True) and statistics.get("include_max", True):
            yield "min", statistics["min_value"]
            yield "max", statistics["max_value"]
        case "isin":
            yield "accepted", sorted(statistics["allowed_values"], key=repr)
        case "str_matches":
            pattern = statistics["pattern"]
            # pandera matches at the beginning of the value, a contract the whole of it.
            yield "matches", f"(?s:(?-s:{getattr(pattern, 'pattern', pattern)}).*)"
        case _:
            raise _unsupported(schema, column, f"the check {check.name or check}")


def _unsupported(schema: str, column: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the pandera schema {schema!r} has {what} at {column!r}, which a contract cannot promise.",
        next_step="Leave it out there, or write the contract out.",
    )
