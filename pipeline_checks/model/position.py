"""Positions: how far a stage has got. Positions of one kind are partially ordered by ``covers``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

Offsets = Mapping[str, Mapping[int, int]]
"""Topic to partition to next offset (exclusive)."""


@dataclass(frozen=True)
class Position:
    """Base of all positions. ``kind`` names the kind in JSON."""

    kind: ClassVar[str] = ""

    def covers(self, other: Position) -> bool | None:
        """Whether everything up to ``other`` lies at or before this position; None when the two cannot be compared."""
        raise TypeError(f"{type(self).__name__} must say what it covers")

    def value(self) -> Any:
        """The position as a JSON value."""
        raise TypeError(f"{type(self).__name__} must have a JSON value")

    def to_json(self) -> dict[str, Any]:
        """Return ``{"kind": ..., "value": ...}``."""
        return {"kind": self.kind, "value": self.value()}


def parse_lsn(text: str) -> int:
    """Return the number of an LSN written as Postgres does.

    >>> parse_lsn("0/16B3748")
    23803720
    """
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(lsn: int) -> str:
    """Return an LSN as Postgres writes it.

    >>> format_lsn(23803720)
    '0/16B3748'
    """
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class LsnPosition(Position):
    """A place in the write-ahead log of Postgres."""

    kind: ClassVar[str] = "lsn"
    lsn: int

    def covers(self, other: Position) -> bool | None:
        return self.lsn >= other.lsn if isinstance(other, LsnPosition) else None

    def value(self) -> str:
        return format_lsn(self.lsn)


@dataclass(frozen=True)
class OffsetsPosition(Position):
    """Next offsets (exclusive) of the partitions of one or more topics. A partition not named stands at 0."""

    kind: ClassVar[str] = "offsets"
    offsets: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, offsets: Offsets) -> OffsetsPosition:
        """Build the position from topic to partition to next offset."""
        return cls(tuple(sorted((t, int(p), int(o)) for t, parts in offsets.items() for p, o in parts.items())))

    def next_offset(self, topic: str, partition: int) -> int:
        """The first offset of the partition that is not covered; 0 when the partition is not named."""
        return next((o for t, p, o in self.offsets if t == topic and p == partition), 0)

    def partitions(self, topic: str) -> dict[int, int]:
        """Partition to next offset of one topic."""
        return {p: o for t, p, o in self.offsets if t == topic}

    def covers(self, other: Position) -> bool | None:
        if not isinstance(other, OffsetsPosition):
            return None
        return all(self.next_offset(topic, partition) >= offset for topic, partition, offset in other.offsets)

    def value(self) -> dict[str, dict[str, int]]:
        result: dict[str, dict[str, int]] = {}
        for topic, partition, offset in self.offsets:
            result.setdefault(topic, {})[str(partition)] = offset
        return result


@dataclass(frozen=True)
class VersionPosition(Position):
    """The version of a table (Delta)."""

    kind: ClassVar[str] = "version"
    version: int

    def covers(self, other: Position) -> bool | None:
        return self.version >= other.version if isinstance(other, VersionPosition) else None

    def value(self) -> int:
        return self.version


@dataclass(frozen=True)
class SnapshotPosition(Position):
    """A snapshot of a table (Iceberg), ordered by its sequence number within the table's history."""

    kind: ClassVar[str] = "snapshot"
    snapshot_id: int | None
    sequence_number: int

    def covers(self, other: Position) -> bool | None:
        return self.sequence_number >= other.sequence_number if isinstance(other, SnapshotPosition) else None

    def value(self) -> str | None:
        return None if self.snapshot_id is None else str(self.snapshot_id)


@dataclass(frozen=True)
class FilesPosition(Position):
    """A manifest of files: path to content identity (an etag, a digest, or size and time)."""

    kind: ClassVar[str] = "files"
    files: tuple[tuple[str, str], ...]

    def covers(self, other: Position) -> bool | None:
        return set(self.files) >= set(other.files) if isinstance(other, FilesPosition) else None

    def value(self) -> dict[str, str]:
        return dict(self.files)


@dataclass(frozen=True)
class EntriesPosition(Position):
    """The number of entries of a ledger that only grows."""

    kind: ClassVar[str] = "entries"
    entries: int

    def covers(self, other: Position) -> bool | None:
        return self.entries >= other.entries if isinstance(other, EntriesPosition) else None

    def value(self) -> int:
        return self.entries


@dataclass(frozen=True)
class InstantPosition(Position):
    """An instant, for stages that know no other position."""

    kind: ClassVar[str] = "instant"
    instant: datetime

    def covers(self, other: Position) -> bool | None:
        return self.instant >= other.instant if isinstance(other, InstantPosition) else None

    def value(self) -> str:
        return self.instant.astimezone(UTC).isoformat()
