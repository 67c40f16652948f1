"""The promises about values of a column as rules: ``min``, ``max``, ``accepted``, ``matches``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pipeline_checks.checks.judging import as_json
from pipeline_checks.checks.rules import Rule
from pipeline_checks.model.contract import Column
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Above, Below, NotIn, NotMatching, Scalar

_TIMES: Final = frozenset({"timestamp", "timestamptz", "date"})
_NUMBERS: Final = frozenset({"integer", "float", "decimal"})
_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!]|>|P=|\()|\\[1-9]|[*+?}]\+")
"""Look-around, atomic groups, conditions, back references, possessive quantifiers."""
_BRACKET = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def column_rules(name: str, column: Column) -> Iterator[Rule]:
    """Yield the rules of a column; raises ConfigurationError, with the path in the contract, for what cannot be."""
    for word, written in column.promises.items():
        if word not in _WORDS:
            raise _refused(name, word, f"column {name!r} has no promise {word!r}", f"Known: {', '.join(_WORDS)}.")
        yield _WORDS[word](name, column.type, written)
    low, high = column.promises.get("min"), column.promises.get("max")
    if low is None or high is None:
        return
    if _scalar(name, "min", column.type, low) > _scalar(name, "max", column.type, high):  # type: ignore[operator]
        raise _refused(name, "min", f"min {low!r} of column {name!r} is greater than max {high!r}", "Swap them.")


def _at_least(name: str, type_: LogicalType, written: Any) -> Rule:
    limit = _limit(name, "min", type_, written)
    return Rule(name, "min", as_json(limit), Below(name, limit), "out_of_range", f"is below {as_json(limit)}")


def _at_most(name: str, type_: LogicalType, written: Any) -> Rule:
    limit = _limit(name, "max", type_, written)
    return Rule(name, "max", as_json(limit), Above(name, limit), "out_of_range", f"is above {as_json(limit)}")


def _accepted(name: str, type_: LogicalType, written: Any) -> Rule:
    if not isinstance(written, list | tuple) or not written:
        raise _refused(name, "accepted", f"accepted of column {name!r} is not a list of values", "Write [a, b].")
    values = tuple(_scalar(name, "accepted", type_, value) for value in written)
    shown = [as_json(v) for v in values]
    words = ", ".join(str(v) for v in shown)
    return Rule(name, "accepted", shown, NotIn(name, values), "unaccepted_value", f"is none of {words}")


def _matching(name: str, type_: LogicalType, written: Any) -> Rule:
    if type_.family != "string":
        message = f"column {name!r} is {type_}; matches is for text"
        raise _refused(name, "matches", message, "Use min, max or accepted.")
    if not isinstance(written, str):
        raise _refused(name, "matches", f"matches of column {name!r} is not text", "Write a pattern in quotes.")
    if _NOT_RE2.search(_BRACKET.sub("x", written.replace(r"\\", "x"))):
        message = f"matches of column {name!r} uses what RE2 has not (look-around, back references, possessive)"
        raise _refused(name, "matches", message, "Write it without: the whole value is matched.")
    try:
        re.compile(written)
    except re.error as error:
        message = f"matches of column {name!r} is no pattern: {error}"
        raise _refused(name, "matches", message, "Mend the pattern.") from None
    return Rule(name, "matches", written, NotMatching(name, written), "unaccepted_value", f"does not match {written}")


_WORDS: Final[dict[str, Callable[[str, LogicalType, Any], Rule]]] = {
    "min": _at_least,
    "max": _at_most,
    "accepted": _accepted,
    "matches": _matching,
}


def _limit(name: str, word: str, type_: LogicalType, written: Any) -> Scalar:
    if type_.family not in _NUMBERS and type_.name not in _TIMES:
        message = f"column {name!r} is {type_}; {word} is for numbers and times"
        raise _refused(name, word, message, "Use accepted or matches.")
    return _scalar(name, word, type_, written)


def _scalar(name: str, word: str, type_: LogicalType, written: Any) -> Scalar:
    """The written value as one of the column's type. YAML reads ``yes`` as a boolean and ``2026-01-01`` as a date."""
    try:
        return _typed(type_, written)
    except (TypeError, ValueError, InvalidOperation):
        message = f"{word} of column {name!r}: {written!r} is no value of type {type_}"
        fix = "Put text into quotes." if type_.family == "string" else f"Write a value of type {type_}."
        raise _refused(name, word, message, fix) from None


def _typed(type_: LogicalType, written: Any) -> Scalar:
    if isinstance(written, bool):
        if type_.name == "bool":
            return written
        raise TypeError
    if type_.family == "integer" and isinstance(written, int):
        return written
    if type_.family == "float" and isinstance(written, int | float) and math.isfinite(written):
        return written
    if type_.name == "decimal" and isinstance(written, int | float | str | Decimal):
        number = Decimal(str(written))
        if not number.is_finite():
            raise ValueError
        return number
    if type_.name in _TIMES and isinstance(written, str | date):
        return _instant(written, zoned=type_.name == "timestamptz")
    if type_.family in ("string", "uuid") and isinstance(written, str):
        return written
    raise TypeError


def _instant(written: str | date, *, zoned: bool) -> datetime:
    """A time as the column has it: in UTC with a zone, or without one. A date is its midnight."""
    value = datetime.fromisoformat(written) if isinstance(written, str) else written
    instant = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if zoned:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)


def _refused(column: str, word: str, message: str, fix: str) -> ConfigurationError:
    return ConfigurationError(message, next_step=fix, path=("columns", column, word))
