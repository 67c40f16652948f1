"""The mover's progress log: one JSON line a batch, with rows and seconds of each table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from pipeline_checks.clients.settings import home

FILE: Final = "cdc-mover-progress.jsonl"
_LIMIT: Final = 64 * 2**20
"""Bytes after which the log is moved aside; one older log is kept."""


def progress_file() -> Path:
    """Return the file of the log."""
    return home() / "logs" / FILE


class ProgressLog:
    """Appends to the progress log."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or progress_file()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, entry: dict[str, Any]) -> None:
        """Append one entry; it is in the file when this returns."""
        if self.path.exists() and self.path.stat().st_size > _LIMIT:
            self.path.replace(self.path.with_suffix(".1.jsonl"))
        with self.path.open("ab") as file:
            file.write(orjson.dumps(entry) + b"\n")
