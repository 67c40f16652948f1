"""Measures about records that were made of other records: whether each was, once, from what, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.measure import KeyRange, Measure
from pipeline_checks.model.position import OffsetsPosition


@dataclass(frozen=True)
class RecordPlace:
    """One record of a topic: where it stands, and its key as text (None where it has none)."""

    stage: str
    topic: str
    partition: int
    offset: int
    key: str | None = None

    @property
    def position(self) -> OffsetsPosition:
        """The place as a position."""
        return OffsetsPosition.of({self.topic: {self.partition: self.offset}})

    def to_json(self) -> dict[str, Any]:
        """Return the place as JSON values."""
        return {
            "stage": self.stage,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key,
        }

    def __str__(self) -> str:
        return f"{self.topic} partition {self.partition} offset {self.offset}"


@dataclass(frozen=True)
class Conservation(Measure):
    """What a consumer group made of the records that it was given; value: ``ConservationDifference``."""


@dataclass(frozen=True)
class ConservationDifference:
    """Value of ``Conservation``.

    ``inputs`` are the records before the cut, ``outputs`` those made of them by stage. ``missing`` inputs have no
    output; ``ranges`` tell of missing ones that are not in that sample. ``repeated`` have more than one: the input with
    all outputs of it. ``unexpected`` outputs name no input that ever was, each with the reason. ``unknown`` counts
    inputs whose outputs may have expired, and outputs whose input has. ``later`` are outputs of inputs behind the cut.
    """

    inputs: int
    outputs: Mapping[str, int] = field(default_factory=dict)
    missing_total: int = 0
    missing: tuple[RecordPlace, ...] = ()
    ranges: tuple[KeyRange, ...] = ()
    repeated_total: int = 0
    repeated: tuple[tuple[RecordPlace, tuple[RecordPlace, ...]], ...] = ()
    unexpected_total: int = 0
    unexpected: tuple[tuple[RecordPlace, str], ...] = ()
    unknown: int = 0
    later: int = 0


@dataclass(frozen=True)
class GroupLag(Measure):
    """How far a consumer group is behind its topics; value: a tuple of ``PartitionLag``."""


@dataclass(frozen=True)
class PartitionLag:
    """One partition: the offsets from ``begin`` to ``end`` that it has at the cut, and the next that is not committed.

    ``committed`` is None where nothing is; ``records`` counts what stands at and behind it, before ``end``. ``newest``
    is where the partition ended after the group had been asked; None where that is not known.
    """

    topic: str
    partition: int
    begin: int
    end: int
    committed: int | None
    records: int
    newest: int | None = None


@dataclass(frozen=True)
class LinkOrder(Measure):
    """Whether records have the keys of those they were made of, and their order; value: ``LinkOrderDifference``."""


@dataclass(frozen=True)
class LinkOrderDifference:
    """Value of ``LinkOrder``.

    ``keyless`` counts outputs of inputs without a key. ``keys`` are outputs with another key than their input, with
    that input; ``disorder`` outputs whose input stands before that of an output of the same key in front of them, each
    with the place of that one.
    """

    records: int
    keyless: int = 0
    keys_total: int = 0
    keys: tuple[tuple[RecordPlace, RecordPlace], ...] = ()
    disorder_total: int = 0
    disorder: tuple[tuple[RecordPlace, RecordPlace], ...] = ()


@dataclass(frozen=True)
class Rates(Measure):
    """How many records were appended to a topic within ``window`` seconds before now; value: ``RateSample``."""

    window: float


@dataclass(frozen=True)
class RateSample:
    """Value of ``Rates``: records and the seconds between the first and the last of them."""

    records: int
    seconds: float
