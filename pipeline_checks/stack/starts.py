"""When the services of a home were started and ready: remembered by `up`, as neither processes nor containers tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import Home


@dataclass(frozen=True)
class Began:
    """A start by `up`; ``ready`` is when a step had run to its end. ``log_bytes`` is how long its log was then."""

    started: datetime
    ready: datetime
    log_bytes: int = 0


def remember(home: Home, starts: Mapping[str, Began]) -> None:
    """Note starts; what is known of other services stays."""
    known = {**recalled(home), **starts}
    document = {
        name: {"started": b.started.isoformat(), "ready": b.ready.isoformat(), "log_bytes": b.log_bytes}
        for name, b in known.items()
    }
    replace_file(home.starts_file, json.dumps(document, indent=1))


def recalled(home: Home) -> dict[str, Began]:
    """Return the starts that were noted, none when there is no file."""
    try:
        document = json.loads(home.starts_file.read_text())
    except FileNotFoundError:
        return {}
    return {
        name: Began(datetime.fromisoformat(b["started"]), datetime.fromisoformat(b["ready"]), int(b["log_bytes"]))
        for name, b in document.items()
    }
