"""A measured figure beside its limit, and how figures are shown."""

from __future__ import annotations

import math
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure. ``limit`` is what it may be at most (``at_least`` turns that round); None where there is none.

    A value that is no number was not measured; ``detail`` says why.
    """

    work: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    detail: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the limit is kept; None without a limit."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self) -> tuple[str, str, str, str, str]:
        """The figure as cells of a table."""
        sign = ">=" if self.at_least else "<="
        limit = "" if self.limit is None else f"{sign} {self.limit:g} {self.unit}".rstrip()
        holds = {True: "yes", False: "NO", None: ""}[self.holds]
        value = "-" if math.isnan(self.value) else f"{self.value:.3g} {self.unit}".rstrip()
        return self.work, value, limit, holds, self.detail


HEADER = ("work", "measured", "limit", "kept", "how")


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def paired(work: Callable[[], object], floor: Callable[[], object], runs: int = 5) -> tuple[float, float, float]:
    """Run both in turn and return the medians of the work, of the floor and of the ratio pair by pair."""
    seconds_of(floor)
    seconds_of(work)
    pairs = [(seconds_of(work), seconds_of(floor)) for _ in range(runs)]
    ratios = [a / b for a, b in pairs]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of the values do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def markdown(figures: Sequence[Figure]) -> str:
    """Return the figures as a table."""
    rows = [HEADER, tuple("---" for _ in HEADER), *(f.cells() for f in figures)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def machine() -> str:
    """Return a line about the machine, without its name."""
    import os

    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
