"""What a commit covers: for each partition of a topic the next offset, exclusive. Written into every commit.

They make the flow exactly-once: records below the covers of a table are dropped, whoever brings them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from pipeline_checks.pipelines.cdc.flow.names import PARTITIONS

Covers = dict[int, int]
"""Partition to next offset of one topic."""
TopicCovers = dict[str, Covers]

COVERS: Final = "covers"
MAINTENANCE: Final = "maintenance"


def nothing() -> Covers:
    """Return the covers of a table that holds nothing yet."""
    return {partition: 0 for partition in range(PARTITIONS)}


def advanced(covers: Covers, reached: Mapping[int, int]) -> Covers:
    """Return ``covers`` moved on to ``reached``; partitions that were idle are carried forward, none goes back."""
    return {p: max(covers.get(p, 0), reached.get(p, 0)) for p in sorted({*covers, *reached})}


def is_new(covers: Covers, partition: int, offset: int) -> bool:
    """Whether the record is not covered."""
    return offset >= covers.get(partition, 0)


def to_text(covers: TopicCovers) -> str:
    """Return the covers of the topics as JSON, the form of an Iceberg snapshot's property ``covers``.

    >>> to_text({"debezium.public.orders": {0: 12, 1: 3}})
    '{"debezium.public.orders":{"0":12,"1":3}}'
    """
    return orjson.dumps({t: {str(p): o for p, o in parts.items()} for t, parts in covers.items()}).decode()


def from_text(text: str | None) -> TopicCovers | None:
    """Return the covers written as ``to_text`` does, None when the text holds none."""
    try:
        document = orjson.loads(text or "")
        return {str(t): {int(p): int(o) for p, o in parts.items()} for t, parts in document.items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return None


def metadata(covers: TopicCovers, maintenance: str | None = None) -> str:
    """Return the ``userMetadata`` of a Delta commit; ``maintenance`` names what was done when no data changed."""
    document: dict[str, Any] = {COVERS: {t: {str(p): o for p, o in parts.items()} for t, parts in covers.items()}}
    if maintenance is not None:
        document[MAINTENANCE] = maintenance
    return orjson.dumps(document).decode()


def from_metadata(text: str | None) -> TopicCovers | None:
    """Return the covers in the ``userMetadata`` of a Delta commit, None when it says none."""
    try:
        found = orjson.loads(text or "").get(COVERS)
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return None if found is None else from_text(orjson.dumps(found).decode())


def newest(texts: Iterable[str | None]) -> TopicCovers | None:
    """Return the covers of the first of the ``userMetadata`` texts that says any."""
    return next((found for text in texts if (found := from_metadata(text)) is not None), None)
