"""Measures of how long rows were under way, by what they tell themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.measure import Measure


@dataclass(frozen=True)
class Delays(Measure):
    """How many seconds each row was under way: a SQL expression over the row; value: ``DelaySample``.

    With ``window`` only rows that came so many seconds before now, by the instant ``at``, are looked at.
    """

    seconds: str
    at: str | None = None
    window: float | None = None


@dataclass(frozen=True)
class DelaySample:
    """Value of ``Delays``: rows looked at and their seconds; ``slowest`` is the key of the row that took longest.

    ``early`` counts rows that arrived before they were sent.
    """

    rows: int
    p50: float | None = None
    p95: float | None = None
    longest: float | None = None
    early: int = 0
    slowest: Mapping[str, Any] = field(default_factory=dict)
