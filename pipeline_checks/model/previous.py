"""What is known of a stage from earlier runs: the measure that asks the ledger, and its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.schema import Schema


@dataclass(frozen=True)
class Previous(Measure):
    """What earlier runs found of the stage; value: ``PreviousState``. The present run is not among them."""


@dataclass(frozen=True)
class CountedRows:
    """The rows that an earlier run counted, exactly and of a settled stage."""

    at: datetime
    rows: int


@dataclass(frozen=True)
class PreviousState:
    """Value of ``Previous``.

    Parameters
    ----------
    runs:
        How many earlier runs looked at the stage. 0 on a first run: then nothing else is known.
    at:
        When the last of them began.
    schema:
        The schema as the last run that knew it found it.
    facts:
        What the stage told of itself last, by the topic of ``Facts``: ``connector``, ``offset``, ``slots``,
        ``publication``. Secrets are masked and long texts cut.
    rows:
        Counts of rows, oldest first: of many runs an even choice over all the time that the ledger keeps, always with
        the newest.
    problem:
        Why the ledger could not be read, empty when it could. What is not known is not the same as not there.
    """

    runs: int = 0
    at: datetime | None = None
    schema: Schema | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[CountedRows, ...] = ()
    problem: str = ""
