"""How many rows a history of counts lets expect: trend, season, and how far counts usually lie from that.

All by medians, so that single outliers, such as a fault that was mended since, change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from statistics import median
from typing import Final, Literal

Count = tuple[datetime, int]
"""When a stage was counted, and its rows then."""
Season = Literal["weekday and hour", "hour", "weekday", "none"]

LEAST_OF_A_SEASON: Final = 8
"""Days on which an hour or weekday must have been counted so that it is judged by its own."""
MOST_SLOPES: Final = 120
"""Counts of which every pair is looked at for the trend; of more, an even choice."""
_OF_NORMAL: Final = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""
_DAY: Final = 86_400.0

_SEASONS: Final[Mapping[Season, Callable[[datetime], tuple[int, ...]]]] = {
    "weekday and hour": lambda at: (at.weekday(), at.hour),
    "hour": lambda at: (at.hour,),
    "weekday": lambda at: (at.weekday(),),
    "none": lambda at: (),
}
"""The finest first."""


@dataclass(frozen=True)
class Expectation:
    """What a history lets expect.

    ``deviation`` is how far counts usually lie from their expectation (one standard deviation, were they normal).
    ``season`` is what counts were set against others of, ``counts`` how many there were.
    """

    rows: float
    deviation: float
    rows_per_day: float
    season: Season
    counts: int

    def allowed(self, deviations: float, tolerance: float) -> float:
        """Return how far a count may differ: by usual deviations, or a share of the expectation, or one row."""
        return max(deviations * self.deviation, tolerance * abs(self.rows), 1.0)

    @property
    def basis(self) -> str:
        """What the expectation was made of, as people read it."""
        season = "no season" if self.season == "none" else f"{self.counts:,} of this {self.season}"
        return f"{season}, trend {self.rows_per_day:+,.0f} a day"


def expected_rows(history: Sequence[Count], at: datetime) -> Expectation:
    """Return what counts, oldest first, let expect at an instant.

    The trend is the median of the slopes between counts (Theil and Sen). What the counts differ from it is taken of
    the same weekday and hour where there are enough of them, else of the same hour, or weekday, else of all.
    Raises ValueError when there are no counts.
    """
    if not history:
        raise ValueError("an expectation needs at least one count")
    slope = _trend(history)
    residuals = [(then, rows - slope * (then - at).total_seconds()) for then, rows in history]
    season, values = _of_the_season(residuals, at)
    middle = median(values)
    deviation = _OF_NORMAL * median(abs(v - middle) for v in values)
    return Expectation(max(0.0, middle), deviation, slope * _DAY, season, len(values))


def _trend(history: Sequence[Count]) -> float:
    step = -(-len(history) // MOST_SLOPES)
    chosen = history[::-1][::step]
    slopes = [
        (newer[1] - older[1]) / seconds
        for newer, older in combinations(chosen, 2)
        if (seconds := (newer[0] - older[0]).total_seconds()) > 0
    ]
    return median(slopes) if slopes else 0.0


def _of_the_season(values: Sequence[tuple[datetime, float]], at: datetime) -> tuple[Season, list[float]]:
    for season, of in _SEASONS.items():
        same = [(then, value) for then, value in values if of(then) == of(at)]
        # A season that holds all counts, as the hour of a daily run does, tells nothing that all of them do not.
        if len({then.date() for then, _ in same}) >= LEAST_OF_A_SEASON and len(same) < len(values):
            return season, [value for _, value in same]
    return "none", [value for _, value in values]
