"""Facts about the services of a stack: for each promise, what was promised of a service and what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

Topic = Literal[
    "health",
    "broker",
    "object_store",
    "catalog",
    "registry",
    "dependencies",
    "monitoring",
    "network",
    "limits",
    "start_order",
    "environment",
    "volumes",
    "ports",
    "logs",
    "restarts",
]
"""What is promised of services. Of a broker, store, catalog or registry only where the stack has one."""

TOPICS: Final[tuple[Topic, ...]] = Topic.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Fact:
    """One thing promised of a service.

    Parameters
    ----------
    service:
        Its name.
    item:
        What of it: a limit, a port, a variable, a folder, a service that it depends on.
    promised, seen:
        JSON values; ``seen`` is None where nothing of the kind is there. Never the value of a setting.
    """

    service: str
    item: str
    promised: Any
    seen: Any


@dataclass(frozen=True)
class StackFacts:
    """What a provider tells of its services at one time.

    ``unread`` says by topic and service what could not be read, and why: a promise with such a gap is not kept, it is
    not known. A topic that stands in neither is not promised by this stack.
    """

    provider: str
    taken_at: datetime
    facts: Mapping[Topic, tuple[Fact, ...]] = field(default_factory=dict)
    unread: Mapping[Topic, Mapping[str, str]] = field(default_factory=dict)
