"""What a snapshot covers: for each partition of the topic the next offset. It stands in the snapshot's properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from pyiceberg.table.snapshots import Snapshot

Covers = dict[int, int]
"""Partition to next offset, exclusive."""

COVERS: Final = "covers"
MAINTENANCE: Final = "maintenance"
DEAD_LETTERS: Final = "dead_letters_end"
"""Property: the offset of the dead letters behind the last one that the snapshot accounts for."""


def to_text(topic: str, covers: Mapping[int, int]) -> str:
    """Return covers as they stand in a snapshot.

    >>> to_text("trades", {0: 12, 1: 3})
    '{"trades":{"0":12,"1":3}}'
    """
    return orjson.dumps({topic: offsets_text(covers)}).decode()


def offsets_text(offsets: Mapping[int, int]) -> dict[str, int]:
    """Return offsets with their partitions as text, as JSON wants them."""
    return {str(p): o for p, o in sorted(offsets.items())}


def from_text(text: str | None, topic: str) -> Covers | None:
    """Return the covers of a topic, None when the text says nothing of any topic."""
    try:
        document = orjson.loads(text or "")
        return {int(p): int(o) for p, o in document.get(topic, {}).items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return None


def newest(snapshots: Iterable[Snapshot], topic: str) -> tuple[Covers, int]:
    """Return what the newest snapshot that says so covers, and the end of its dead letters; nothing without one."""
    for snapshot in sorted(snapshots, key=lambda s: s.sequence_number or 0, reverse=True):
        properties = snapshot.summary.additional_properties if snapshot.summary else {}
        found = from_text(properties.get(COVERS), topic)
        if found is not None:
            return found, int(properties.get(DEAD_LETTERS, "0"))
    return {}, 0
