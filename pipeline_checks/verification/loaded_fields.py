"""The fields of a table against those of the files loaded into it, and values as the table's types have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.model.fields import BOOLEAN, DOUBLE, LONG, STRING, FieldType
from pipeline_checks.model.loading import FieldDifference

_TRUTH = {"true": True, "false": False}


def field_differences(
    expected: Mapping[str, FieldType | None],
    found: Mapping[str, FieldType],
    nulls: Mapping[str, int],
    absent: Mapping[str, int],
    brought_by: Mapping[str, str],
    *,
    comparable: bool,
) -> tuple[FieldDifference, ...]:
    """Return every field of the files or of the table.

    Numbers of NULLs are told where the rows are ``comparable``: what is wrong with rows is told of them row by row.
    """
    return tuple(
        FieldDifference(
            name=name,
            expected=expected.get(name),
            found=found.get(name),
            nulls=nulls[name] if comparable and name in found else None,
            absent=absent[name] if comparable and name in found else None,
            brought_by=brought_by.get(name, ""),
        )
        for name in sorted({**expected, **found})
    )


def written_as(record: Mapping[str, Any], found: Mapping[str, FieldType], are_texts: bool) -> Mapping[str, Any]:
    """Return a record as the table's types read it: a text of CSV as what it means, whatever stands as text as text."""
    if are_texts:
        return {name: _meant(value, found.get(name)) for name, value in record.items()}
    texts = [n for n, v in record.items() if v is not None and not isinstance(v, str) and _is_text(found.get(n))]
    return {**record, **{name: _as_text(record[name]) for name in texts}} if texts else record


def _is_text(type_: FieldType | None) -> bool:
    return type_ is not None and type_.name == STRING


def _as_text(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _meant(value: Any, type_: FieldType | None) -> Any:
    if not isinstance(value, str) or type_ is None or type_.name == STRING:
        return value
    try:
        if type_.name == LONG:
            return int(value)
        if type_.name == DOUBLE:
            return float(value)
    except ValueError:
        return value
    return _TRUTH.get(value.strip().lower(), value) if type_.name == BOOLEAN else value
