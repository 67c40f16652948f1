"""The only module that reads the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for durations and deadlines."""
    return time.monotonic()


class Deadline:
    """A point on the monotonic clock by which something must have happened."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._started = monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was set."""
        return monotonic() - self._started

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.seconds - self.elapsed)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining <= 0.0

    def wait_until(self, probe: Callable[[], T | None], *, every: float = 0.05) -> T | None:
        """Call ``probe`` until it returns something other than None or False, or until the deadline.

        Between two calls the thread pauses for ``every`` seconds, doubling up to one second.
        Returns what the probe returned last; at least one call is made.
        """
        pause = every
        while True:
            answer = probe()
            if answer is not None and answer is not False:
                return answer
            if self.passed:
                return answer
            time.sleep(min(pause, self.remaining))  # the pause between two probes of a condition, not a wait for it
            pause = min(pause * 1.5, 1.0)
