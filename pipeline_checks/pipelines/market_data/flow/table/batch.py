"""One batch of records on its way into the table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from pipeline_checks.pipelines.market_data.flow.table import covers as covering
from pipeline_checks.pipelines.market_data.flow.table.covers import Covers

if TYPE_CHECKING:
    from confluent_kafka import Message


@dataclass
class Batch:
    """Records of a topic in the order they were read, and how long the first one has waited."""

    messages: list[Message] = field(default_factory=list)
    since: float = 0.0

    def __len__(self) -> int:
        return len(self.messages)

    def add(self, messages: list[Message]) -> None:
        """Take records."""
        if messages and not self.messages:
            self.since = time.monotonic()
        self.messages += messages

    def age(self) -> float:
        """Return for how many seconds the first record has waited; 0 when there is none."""
        return time.monotonic() - self.since if self.messages else 0.0

    def uncovered(self, covers: Covers) -> list[Message]:
        """Return the records that the table does not cover."""
        return [m for m in self.messages if (m.offset() or 0) >= covers.get(m.partition() or 0, 0)]


@dataclass(frozen=True)
class Offsets:
    """The offsets of the records of a batch."""

    first: Covers
    last: Covers

    @staticmethod
    def of(messages: list[Message]) -> Offsets:
        """Return the offsets of records."""
        first: Covers = {}
        last: Covers = {}
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            first[partition] = min(first.get(partition, offset), offset)
            last[partition] = max(last.get(partition, offset), offset)
        return Offsets(first, last)

    def advanced(self, covers: Covers) -> Covers:
        """Return what is covered once these are."""
        return covers | {p: max(covers.get(p, 0), o + 1) for p, o in self.last.items()}

    def properties(self) -> dict[str, str]:
        """Return first and last offset as properties of a snapshot."""
        return {
            "first_offsets": orjson.dumps(covering.offsets_text(self.first)).decode(),
            "last_offsets": orjson.dumps(covering.offsets_text(self.last)).decode(),
        }
