"""Writes a CSV of lines, and its truth beside it."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from pipeline_checks.pipelines.sales.flow.tables import HEADINGS


def encoded(rows: Iterable[Mapping[str, str | None]], *, line_end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return the bytes of a file with a header and these rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(HEADINGS), lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def truth_path(path: Path) -> Path:
    """Return where the truth of a file lies.

    >>> truth_path(Path("input/sales_0001.csv")).name
    'sales_0001.truth.json'
    """
    return path.with_suffix(".truth.json")


def write(path: Path, content: bytes, truth: Mapping[str, Any]) -> None:
    """Write a file and its truth; each is there whole or not at all, and the truth first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "outcome": "sent", **truth}
    _replace(truth_path(path), orjson.dumps(document, option=orjson.OPT_INDENT_2))
    _replace(path, content)


def read_truth(path: Path) -> dict[str, Any]:
    """Return the truth of a file."""
    found: dict[str, Any] = orjson.loads(truth_path(path).read_bytes())
    return found


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
