"""Pieces of Spark SQL that both feeds are judged with. No number passes through a floating point type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline_checks.pipelines.sales.flow.tables import MALFORMED, MISSING_COLUMN

RAW = "m"
"""Name of the structure that a message is parsed into."""
CORRUPT = "_corrupt_record"


@dataclass(frozen=True)
class Rule:
    """A rejection: of messages for which ``when`` is true, because of a column; the first rule that applies holds."""

    reason: str
    column: str
    when: str


def rough() -> str:
    """Return whether any text of a message may have blanks to be taken out: one look at all of it."""
    pieces = ("  ", "\\\\t", "\\\\r", "\\\\n", "\\\\u00")
    return " OR ".join(f"contains(value, '{piece}')" for piece in pieces)


def text(name: str) -> str:
    """Return a text trimmed, with runs of blanks, tabs and line breaks made one blank; null when nothing is left."""
    raw = f"{RAW}.{name}"
    # The regular expression is dear, and most messages need none: ``rough`` is a column before this one.
    return f"nullif(trim(CASE WHEN rough THEN regexp_replace({raw}, '[ \\\\t\\\\r\\\\n]+', ' ') ELSE {raw} END), '')"


def decimal(name: str, precision: int, scale: int) -> str:
    """Return a plain decimal, null for anything that the type cannot hold without rounding."""
    pattern = f"^[+-]?[0-9]{{1,{precision - scale}}}([.][0-9]{{1,{scale}}}0*)?$"
    return _number(name, pattern, f"DECIMAL({precision},{scale})")


def integer(name: str) -> str:
    """Return a whole number, null for anything else."""
    return _number(name, "^[+-]?[0-9]{1,18}$", "BIGINT")


def _number(name: str, pattern: str, kind: str) -> str:
    trimmed = f"trim({RAW}.{name})"
    return f"CASE WHEN {trimmed} RLIKE '{pattern}' THEN CAST({trimmed} AS {kind}) END"


def blank(name: str) -> str:
    """Return whether a field is null or has blanks only."""
    return f"coalesce(trim({RAW}.{name}), '') = ''"


BROKEN = Rule(
    MALFORMED,
    "",
    f"{RAW} IS NULL OR {RAW}.{CORRUPT} IS NOT NULL OR NOT startswith(ltrim(value), '{{') OR NOT is_valid_utf8(value)",
)
"""A message that is no JSON object."""


def lacking(required: Sequence[str]) -> str:
    """Return the first of these fields that a message does not have, null when it has all."""
    names = ", ".join(f"'{name}'" for name in required)
    # Listing the fields means reading the message again: not for one in which the names of all that is null stand.
    unseen = " OR ".join(f"({RAW}.{name} IS NULL AND NOT contains(value, '\"{name}\":'))" for name in required)
    first = f"try_element_at(array_except(array({names}), json_object_keys(value)), 1)"
    return f"CASE WHEN {unseen} THEN {first} END"


def unwritable(names: Sequence[str]) -> str:
    """Return whether one of these texts has a character that no database takes: NUL."""
    # Few messages have one at all, written as JSON writes it.
    return f"contains(value, '\\\\u0000') AND contains(concat_ws('', {', '.join(names)}), '\\0')"


def verdict(rules: Iterable[Rule], told: str = "") -> str:
    """Return the rejection as a structure of reason, column and value, null for what is taken.

    ``told`` are further cases, of rejections that a message itself tells. What is broken or lacks a field (the column
    ``lacking`` names it) goes before the rules.
    """
    none = "CAST(NULL AS STRING)"
    cases = [
        f"WHEN {BROKEN.when} THEN {_structure(_quoted(MALFORMED), none, none)}",
        told,
        f"WHEN lacking IS NOT NULL THEN {_structure(_quoted(MISSING_COLUMN), 'lacking', none)}",
    ]
    for rule in rules:
        column, value = (f"'{rule.column}'", f"{RAW}.{rule.column}") if rule.column else (none, none)
        found = _structure(_quoted(rule.reason), column, value)
        cases.append(f"WHEN {rule.when} THEN {found}")
    return " ".join(["CASE", *cases, "END"])


def told_by_message() -> str:
    """Return the case of a message whose sender could not read the record and says why."""
    found = _structure(f"{RAW}.rejection_reason", f"{RAW}.rejected_column", f"{RAW}.rejected_value")
    return f"WHEN {RAW}.rejection_reason IS NOT NULL THEN {found}"


def _structure(reason: str, column: str, value: str) -> str:
    return f"named_struct('reason', {reason}, 'column', {column}, 'value', {value})"


def _quoted(word: str) -> str:
    return f"'{word}'"
