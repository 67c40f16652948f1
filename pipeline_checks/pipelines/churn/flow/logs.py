"""Logs of the programs: JSON lines in a file that turns over, and plain lines on the standard error."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import orjson

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
FIELDS: Final = (
    *("event_type", "message_id", "topic", "partition", "offset", "latency_ms"),
    *("error_type", "prediction", "churn_probability"),
)
"""What an event may tell of a message, given as ``extra``."""
_BYTES, _FILES = 10_000_000, 5


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
        }
        line |= {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def start_logging(program: str, level: str, folder: Path) -> None:
    """Write the logs of a program to ``kafka_<program>.log`` in the folder, and to the standard error."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = RotatingFileHandler(folder / f"kafka_{program}.log", maxBytes=_BYTES, backupCount=_FILES, delay=True)
    lines.setFormatter(JsonLines())
    plain = logging.StreamHandler()
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    plain.setLevel(max(logging.INFO, logging.getLevelName(level)))
    root = logging.getLogger()
    for handler in (*root.handlers,):
        root.removeHandler(handler)
    root.addHandler(lines)
    root.addHandler(plain)
    root.setLevel(logging.INFO)
    logging.getLogger("pipeline_checks.pipelines.churn").setLevel(level)
