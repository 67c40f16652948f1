"""One place where data rests, as its system describes it, and what is proposed of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline_checks.model.logical_type import LogicalType


@dataclass(frozen=True)
class FoundColumn:
    """A column; ``promises`` are those about its values that the system itself keeps (``accepted``)."""

    type: LogicalType
    nullable: bool = True
    promises: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """Columns that may be the key, or the event time, and why. ``is_certain``: the system itself keeps to it."""

    columns: tuple[str, ...]
    reason: str
    is_certain: bool = False


@dataclass(frozen=True)
class Found:
    """A place of data.

    Parameters
    ----------
    name:
        The proposed name of its stage.
    kind:
        The kind of its stage.
    subject:
        What its rows are about, as its system calls it: stages of one subject are likely made from each other.
    fields:
        The fields of the stage's declaration besides name, kind, ``from`` and contract.
    columns:
        Its columns by name, in its own order.
    keys, event_times:
        Candidates, the best first; what is left of them is proposed.
    references:
        Column to the stage (or ``stage.column``) that it refers to.
    of_table:
        Database, schema and table of which the events of a topic say that they are about.
    fed_by:
        The topics of which the table's commits say that it holds their records.
    commits_say:
        Under which name the commits say so.
    upstream:
        The stages that it is proposed to be made from, and why.
    inherits:
        Whether the contract is that of what it is made from, so that none is written.
    ignored:
        Columns that no one promises, and why.
    notes:
        What the reader of the proposal should know of it.
    """

    name: str
    kind: str
    subject: str
    fields: Mapping[str, Any]
    columns: Mapping[str, FoundColumn] = field(default_factory=dict)
    keys: tuple[Candidate, ...] = ()
    event_times: tuple[Candidate, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    of_table: tuple[str, str, str] | None = None
    fed_by: tuple[str, ...] = ()
    commits_say: str | None = None
    upstream: tuple[str, ...] = ()
    why_upstream: str = ""
    inherits: bool = False
    ignored: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Found:
        """Return the same with other values."""
        return replace(self, **changes)

    @property
    def key(self) -> Candidate | None:
        """The proposed key; None when nothing is known that tells the rows apart."""
        return self.keys[0] if self.keys else None

    @property
    def event_time(self) -> Candidate | None:
        """The proposed event time."""
        return self.event_times[0] if self.event_times else None

    @property
    def has_rows(self) -> bool:
        """Whether it is a place of rows; a connector is none."""
        return self.kind != "service"


@dataclass(frozen=True)
class LeftOut:
    """Something that was found and is not proposed, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Discovered:
    """What was found in one or several systems."""

    found: tuple[Found, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __add__(self, other: Discovered) -> Discovered:
        return Discovered((*self.found, *other.found), (*self.left_out, *other.left_out))
