"""What a commit covers: of each topic the next offset by partition, exclusive. Written into every commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

Covers = dict[str, dict[int, int]]
COVERS: Final = "covers"
MAINTENANCE: Final = "maintenance"


def advanced(covers: Covers, reached: Covers) -> Covers:
    """Return ``covers`` moved on to ``reached``; no partition goes back.

    >>> advanced({"t": {0: 5, 1: 2}}, {"t": {0: 3, 1: 4}})
    {'t': {0: 5, 1: 4}}
    """
    topics = sorted({*covers, *reached})
    return {topic: _later(covers.get(topic, {}), reached.get(topic, {})) for topic in topics}


def _later(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {p: max(one.get(p, 0), other.get(p, 0)) for p in sorted({*one, *other})}


def covered(covers: Covers, reached: Covers) -> bool:
    """Whether ``covers`` has everything up to ``reached``."""
    return advanced(covers, reached) == advanced(covers, {})


def to_json(covers: Covers) -> dict[str, dict[str, int]]:
    """Return the covers as JSON values."""
    return {topic: {str(p): offset for p, offset in parts.items()} for topic, parts in covers.items()}


def metadata(covers: Covers, maintenance: str | None = None) -> str:
    """Return the ``userMetadata`` of a commit; ``maintenance`` names what was done when no row changed."""
    document: dict[str, object] = {COVERS: to_json(covers)}
    if maintenance is not None:
        document[MAINTENANCE] = maintenance
    return orjson.dumps(document).decode()


def from_metadata(text: str | None) -> Covers | None:
    """Return what the ``userMetadata`` of a commit says, None when it says nothing."""
    try:
        found = orjson.loads(text or "")[COVERS]
        return {t: {int(p): int(o) for p, o in parts.items()} for t, parts in found.items()}
    except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError, ValueError):
        return None
