"""Injuries: what a fault has done, written down before it is done, so that another process can undo it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline_checks.clients.settings import home
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.stack.environment import replace_file


@dataclass(frozen=True)
class Injury:
    """One damage.

    Parameters
    ----------
    target:
        The stage or the service that was damaged.
    what:
        What was done, as a sentence.
    keys:
        The keys of the rows that are damaged, column to JSON value.
    facts:
        What else an expectation is made of: intervals of offsets, columns, values, commits (JSON values).
    undo:
        What is needed to undo it (JSON values, no secrets).
    """

    fault: str
    pipeline: str
    target: str
    what: str
    keys: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def to_json(self) -> dict[str, Any]:
        """Return the injury as it is written down."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Injury:
        """Return the injury that was written down."""
        return cls(**{**document, "keys": tuple(document["keys"])})


class InjuryBook:
    """The injuries that have not been undone: one file each in the folder ``injuries`` of the stack's home."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or home() / "injuries"

    def record(self, injury: Injury) -> None:
        """Write an injury down, or what has become known of it."""
        replace_file(self._file(injury.id), json.dumps(injury.to_json(), indent=1), mode=0o600)

    def forget(self, injury: Injury) -> None:
        """Strike out an injury that has been undone."""
        self._file(injury.id).unlink(missing_ok=True)

    def find(self, identity: str) -> Injury:
        """Return the injury with this id; raises ConfigurationError naming those that are there when there is none."""
        for injury in self:
            if injury.id == identity:
                return injury
        known = ", ".join(i.id for i in self) or "none"
        raise ConfigurationError(f"there is no injury {identity!r}.", next_step=f"Not undone yet: {known}.")

    def __iter__(self) -> Iterator[Injury]:
        """Yield the injuries, those first that were written down first."""
        files = [f for f in self._folder.glob("*.json") if not f.name.startswith(".")]
        for file in sorted(files, key=lambda f: (f.stat().st_mtime_ns, f.name)):
            try:
                yield Injury.from_json(json.loads(file.read_text()))
            except (ValueError, TypeError, KeyError) as problem:
                raise TerminalError(
                    f"the injury written down in {file.name} cannot be read: {problem}.",
                    next_step=f"Remove {file}; what it stood for must be put right by hand.",
                ) from None

    def _file(self, identity: str) -> Path:
        return self._folder / f"{identity}.json"
