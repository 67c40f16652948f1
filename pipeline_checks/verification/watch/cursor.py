"""What a watch remembers from one look to the next, as the text that a sensor keeps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.verification.watch.positions import Position

Place = tuple[str, str]
"""A stage: the names of its pipeline and its own."""
_FORMAT = 1


@dataclass
class Cursor:
    """The positions that were verified, and what is owed.

    Parameters
    ----------
    positions:
        Of each stage the position that was looked at last.
    owed:
        Of stages that must have moved by then, or be looked at by the clock, the instant (seconds since 1970).
    unsettled:
        Stages that had not settled at the last look, with how often in a row.
    """

    positions: dict[Place, Position | None] = field(default_factory=dict)
    owed: dict[Place, float] = field(default_factory=dict)
    unsettled: dict[Place, int] = field(default_factory=dict)

    def text(self) -> str:
        """Return the cursor as text."""
        document = {
            "format": _FORMAT,
            "positions": _nested(self.positions),
            "owed": _nested({place: round(at, 1) for place, at in self.owed.items()}),
            "unsettled": _nested(self.unsettled),
        }
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """Return the cursor of a text; an empty one where there is none, or one that another version wrote."""
        try:
            document = json.loads(text) if text else {}
        except ValueError:
            document = {}
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            return cls()
        return cls(*(_flat(document.get(name, {})) for name in ("positions", "owed", "unsettled")))

    def owe(self, place: Place, at: float) -> None:
        """Have a stage looked at when it is ``at``, or before where that is owed already."""
        self.owed[place] = min(at, self.owed.get(place, at))

    def forget_others(self, known: set[Place]) -> None:
        """Forget stages that are declared no more."""
        for kept in (self.positions, self.owed, self.unsettled):
            for place in [p for p in kept if p not in known]:
                del kept[place]


def _nested(flat: dict[Place, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (pipeline, stage), value in flat.items():
        nested.setdefault(pipeline, {})[stage] = value
    return nested


def _flat(nested: dict[str, dict[str, Any]]) -> dict[Place, Any]:
    return {(pipeline, stage): value for pipeline, of in nested.items() for stage, value in of.items()}
