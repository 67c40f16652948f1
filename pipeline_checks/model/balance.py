"""Measures of numbers that must add up: what came to a stage, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_checks.model.measure import Measure


@dataclass(frozen=True)
class Balance(Measure):
    """What came to a stage and what became of it, up to its position; value: ``Sums``.

    ``dead_letters`` names the stage that holds what could not be used; None where there is none.
    """

    dead_letters: str | None = None


@dataclass(frozen=True)
class Sums:
    """Value of ``Balance``: two sides of named numbers, whose sums must be equal.

    ``claimed`` are numbers that the writer says of itself, ``counted`` the same as they were found. ``problem`` says
    why the sides are not known, ``expired`` why they can never be.
    """

    given: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    claimed: Mapping[str, int] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    expired: str = ""

    @property
    def difference(self) -> int:
        """By how much more came than became something."""
        return sum(self.given.values()) - sum(self.made.values())


@dataclass(frozen=True)
class RejectedFrames(Measure):
    """The frames that a feed sent and that are no entries, and the records that a consumer could not use, against the
    dead letters; value: ``RejectedDifference``."""


@dataclass(frozen=True)
class Rejected:
    """Something that had to be rejected, or a dead letter of nothing.

    ``where`` is the place in words, ``key`` its place as JSON values; ``reason`` why it was rejected.
    """

    where: str
    key: Mapping[str, object]
    reason: str


@dataclass(frozen=True)
class RejectedDifference:
    """Value of ``RejectedFrames``.

    ``frames`` were sent by the feed, ``records`` are those of the topic that no one can read; ``letters`` are the dead
    letters, by their reason in ``reasons``. ``missing`` have none, ``unexpected`` are of nothing that was sent;
    ``without_reason`` counts letters that do not say why. ``has_ledger`` says that the feed tells what it sent.
    """

    frames: int = 0
    records: int = 0
    letters: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    missing_total: int = 0
    missing: tuple[Rejected, ...] = ()
    unexpected_total: int = 0
    unexpected: tuple[Rejected, ...] = ()
    without_reason: int = 0
    has_ledger: bool = True


@dataclass(frozen=True)
class TableCommits(Measure):
    """What a consumer group has committed against what the tables that it writes cover; value: a tuple of
    ``TableCommit``."""


@dataclass(frozen=True)
class TableCommit:
    """One partition of one table: the next offset that the group has committed, and that the table covers.

    ``committed`` was asked for before ``covered``, so that it cannot be beyond it.
    """

    table: str
    topic: str
    partition: int
    committed: int
    covered: int
