"""How far the producer is with a source: what is known to be acknowledged, and from where to look for more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from pipeline_checks.clients.kafka_records import Ends
from pipeline_checks.model.errors import ConfigurationError


@dataclass(frozen=True)
class Checkpoint:
    """Where one sending stands.

    Parameters
    ----------
    run_id:
        The sending; its messages carry it, so that those of another are never taken for them.
    sha256:
        Digest of what is sent; it must not change on the way.
    next_number:
        The first record, counted from 1, that is not known to be acknowledged.
    offsets:
        Every message of the record ``next_number`` and later ones lies at these offsets or behind them.
    started_at:
        When the sending began, ISO 8601.
    """

    sha256: str
    run_id: str
    next_number: int = 1
    offsets: Ends = field(default_factory=dict)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def reached(self, next_number: int, offsets: Mapping[str, Mapping[str, int]] | None = None) -> Checkpoint:
        """Return the checkpoint at a later record; the offsets stay where none are given."""
        merged = {topic: {**ends, **(offsets or {}).get(topic, {})} for topic, ends in self.offsets.items()}
        return replace(self, next_number=next_number, offsets=merged)

    def save(self, path: Path) -> None:
        """Write it in one step: a reader sees the old or the new one, also after a crash."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as file:
            file.write(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def load(path: Path) -> Checkpoint | None:
    """Return the checkpoint in a file, None when there is none; raises ConfigurationError when it holds none."""
    try:
        return Checkpoint(**orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, TypeError) as problem:
        raise ConfigurationError(
            f"{path} is not a checkpoint: {problem}.",
            next_step="Restore it, or remove it to send everything from the first record.",
        ) from None
