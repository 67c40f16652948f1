"""How far the producer is with a file: the first row not acknowledged, and from where to look for later ones."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.churn.flow.instants import utc_text

Ends = dict[str, dict[str, int]]
"""Next offset by topic and partition (as text, as JSON has it)."""


@dataclass(frozen=True)
class Checkpoint:
    """Where one sending of a file stands.

    Parameters
    ----------
    source_pass:
        The sending of the file; its records carry it, so that records of another are never taken for them.
    next_row:
        The first row, counted from 0, that is not known to be acknowledged.
    offsets:
        Every record of the row ``next_row`` and later ones lies at these offsets or behind them.
    """

    source_pass: str = field(default_factory=lambda: uuid.uuid4().hex)
    next_row: int = 0
    offsets: Ends = field(default_factory=dict)

    def reached(self, next_row: int, offsets: Mapping[str, Mapping[str, int]] | None = None) -> Checkpoint:
        """Return the checkpoint at a later row; the offsets stay where none are given."""
        merged = {topic: {**ends, **(offsets or {}).get(topic, {})} for topic, ends in self.offsets.items()}
        return replace(self, next_row=next_row, offsets=merged)

    def save(self, path: Path) -> None:
        """Write it in one step: a reader sees the old or the new one, also after a crash."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as file:
            file.write(orjson.dumps({**asdict(self), "timestamp": utc_text()}, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def load(path: Path) -> Checkpoint | None:
    """Return the checkpoint in a file, None when there is none; raises ConfigurationError when it holds none."""
    try:
        document = orjson.loads(path.read_bytes())
        return Checkpoint(str(document["source_pass"]), int(document["next_row"]), dict(document["offsets"]))
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a checkpoint ({type(error).__name__}: {error}).",
            next_step="Restore it, or remove it to send the file from its first row.",
        ) from None
