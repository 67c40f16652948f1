"""The CSV of customers: written anew, appended to, counted and read back with its types."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline_checks.pipelines.churn.flow.names import CUSTOMER_FIELDS


def write(path: Path, customers: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of these customers in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(",".join(CUSTOMER_FIELDS) + "\n" + _lines(customers), encoding="utf-8")
    temporary.replace(path)


def append(path: Path, customers: Iterable[Mapping[str, Any]]) -> None:
    """Write more customers behind those of a file, in one piece."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_lines(customers))


def count(path: Path) -> int:
    """Return the number of customers of a file, 0 when it is not there."""
    try:
        with path.open("rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except FileNotFoundError:
        return 0


def _lines(customers: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, CUSTOMER_FIELDS, lineterminator="\n").writerows(customers)
    return text.getvalue()
