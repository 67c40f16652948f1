"""The reference files: products and stores with their versions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.flow.columns import Column
from pipeline_checks.pipelines.sales.flow.reading.records import refused


def read_reference(path: Path, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the rows of a reference file with their types.

    Raises TerminalError naming file, line and column of what cannot be read; an empty field is None.
    """
    names = [c.name for c in columns]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [n for n in names if n not in (reader.fieldnames or ())]
            if missing:
                raise refused(path, 1, missing[0], "the column is missing")
            return [_row(path, reader.line_num, row, columns) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        told = getattr(problem, "strerror", None) or problem
        raise TerminalError(f"{path} cannot be read: {told}.", next_step="Write the reference files anew.") from None


def _row(path: Path, line: int, row: dict[str, str], columns: Sequence[Column]) -> dict[str, Any]:
    made = {}
    for column in columns:
        text = row[column.name]
        try:
            made[column.name] = _value(text, column)
        except (ValueError, KeyError, InvalidOperation):
            raise refused(path, line, column.name, f"{text!r} is no {column.type}") from None
        if made[column.name] is None and not column.nullable:
            raise refused(path, line, column.name, "it is empty")
    return made


def _value(text: str, column: Column) -> Any:
    if not text:
        return None
    if column.type == "date":
        return date.fromisoformat(text)
    if column.type == "bool":
        return {"true": True, "false": False}[text]
    if column.scale:
        return Decimal(text)
    return int(text) if column.type == "int64" else text
