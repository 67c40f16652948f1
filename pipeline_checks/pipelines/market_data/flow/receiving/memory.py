"""Whether the program's memory grows without an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import psutil

SAMPLES: Final = 120
EVERY: Final = 30.0
"""Seconds between two samples."""
WARN_ABOVE: Final = 0.8
_FEWEST: Final = 10
_STEEP: Final = 50.0
"""Megabytes an hour that count as a leak for certain."""


def leak_score(samples: Sequence[tuple[float, float]]) -> float:
    """Return how much samples of (seconds, megabytes) look like a leak, from 0 to 1.

    It is the slope, up to 50 MB an hour, times how well a line fits; too few samples say nothing.
    """
    if len(samples) < _FEWEST:
        return 0.0
    count = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / count, sum(y for _, y in samples) / count
    xx = sum((x - mean_x) ** 2 for x, _ in samples)
    yy = sum((y - mean_y) ** 2 for _, y in samples)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    if xx == 0 or yy == 0 or xy <= 0:
        return 0.0
    slope = xy / xx * 3600
    return min(slope / _STEEP, 1.0) * (xy * xy / (xx * yy))


class MemoryWatch:
    """The last samples of this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def sample(self, seconds: float) -> tuple[float, float]:
        """Take a sample at an instant; returns the bytes in use and the leak score."""
        used = float(self._process.memory_info().rss)
        self._samples.append((seconds, used / 2**20))
        return used, leak_score(self._samples)
