"""The faults of the exchange: what it shall do wrong, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.pipelines.market_data.flow.simulator.bad_frames import BadKind

Position = Annotated[int, Field(ge=0)]
"""Fires once so many trades were made; 0 fires at once."""


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    after: Position = 0


class Resend(_Fault):
    """Send the last ``count`` trades a second time, at once or when the next connection has subscribed."""

    kind: Literal["resend"]
    count: int = Field(ge=1, le=100_000)
    when: Literal["at_once", "reconnect"] = "at_once"
    symbol: str | None = None


class Skip(_Fault):
    """Make these trades and never send them."""

    kind: Literal["skip"]
    symbol: str
    ids: list[int] = Field(min_length=1)


class BadFrames(_Fault):
    """Send frames that are no valid trades, besides the trades."""

    kind: Literal["bad_frames"]
    frames: list[BadKind] = Field(min_length=1)


class Close(_Fault):
    """Close every connection; 1006 ends it without a close frame. Then make ``away`` trades that nobody is sent."""

    kind: Literal["close"]
    code: int = Field(default=1001, ge=1000, le=4999)
    away: int = Field(default=0, ge=0)


class Stall(_Fault):
    """Keep the connections and send nothing more on them. Then make ``away`` trades that nobody is sent."""

    kind: Literal["stall"]
    away: int = Field(default=0, ge=0)


class Shutdown(_Fault):
    """Announce a shutdown by an event, and close what is still connected ``seconds`` later."""

    kind: Literal["shutdown"]
    seconds: float = Field(default=5.0, ge=0, le=600)


class NoPing(_Fault):
    """Send no pings any more."""

    kind: Literal["no_ping"]


class NoPong(_Fault):
    """Answer no pings any more; connections made later are answered when ``once`` is set."""

    kind: Literal["no_pong"]
    once: bool = True


class Refuse(_Fault):
    """Refuse the next ``count`` connections: with an HTTP status, or by ending them where it is None."""

    kind: Literal["refuse"]
    count: int = Field(default=1, ge=1)
    status: int | None = Field(default=503, ge=400, le=599)


class Swap(_Fault):
    """Send a trade behind the next one of its symbol."""

    kind: Literal["swap"]
    symbol: str
    id: int = Field(ge=1)


class Pause(_Fault):
    """Make no trades until resumed."""

    kind: Literal["pause"]


class Lifetime(_Fault):
    """Close connections, those that are open included, when they are older than ``seconds``."""

    kind: Literal["lifetime"]
    seconds: float = Field(gt=0)


Fault = Annotated[
    Resend | Skip | BadFrames | Close | Stall | Shutdown | NoPing | NoPong | Refuse | Swap | Pause | Lifetime,
    Field(discriminator="kind"),
]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    faults: list[Fault]


def parse_plan(content: bytes | str) -> list[Fault]:
    """Return the faults of a document ``{"faults": [...]}``; raises pydantic's ValidationError."""
    return _Document.model_validate_json(content).faults


def read_plan(file: Path) -> list[Fault]:
    """Return the faults of a file."""
    return parse_plan(file.read_bytes())


class Plan:
    """The faults that are still to come, and those that came."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self.done: list[Fault] = []
        self.skipped: dict[str, set[int]] = {}
        self.swapped: dict[str, set[int]] = {}

    def add(self, fault: Fault) -> None:
        """Take a fault; those about single trades hold from now on."""
        if isinstance(fault, Skip):
            self.skipped.setdefault(fault.symbol, set()).update(fault.ids)
            self.done.append(fault)
        elif isinstance(fault, Swap):
            self.swapped.setdefault(fault.symbol, set()).add(fault.id)
            self.done.append(fault)
        else:
            self.pending.append(fault)

    def due(self, position: int) -> list[Fault]:
        """Take and return what is to be done now that so many trades were made."""
        if not self.pending:
            return []
        due = [f for f in self.pending if f.after <= position]
        if due:
            self.pending = [f for f in self.pending if f.after > position]
            self.done += due
        return due

    def postpone(self, fault: Fault) -> None:
        """Put back a fault that could not be done yet."""
        self.done.remove(fault)
        self.pending.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self.pending.clear()
        self.done.clear()
        self.skipped.clear()
        self.swapped.clear()

    def document(self) -> dict[str, Any]:
        """Return what is to come and what came, as JSON values."""
        return {
            "pending": [f.model_dump() for f in self.pending],
            "done": [f.model_dump() for f in self.done],
        }
